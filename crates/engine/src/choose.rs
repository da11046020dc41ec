//! Which account and offer a choice of a wallet means: what works, and what the tenant's rules take.

use jiff::Timestamp;
use paifang_payment::intent::Terms;
use paifang_payment::{Credit, WalletName};
use paifang_rail::Offer;
use paifang_shares::division::Division;
use paifang_store::{Decided, Judged, Store};

use crate::command::Confirmation;
use crate::consult::Obstacle;
use crate::divide;
use crate::error::{Violation, reason};
use crate::ports::{Environment, Rails, Transport};
use crate::refusal::{CREDIT_STAYS, NO_VERSION};
use crate::rules::{Case, CreditStays, Ruling, Weighed};
use crate::{Account, Consultation, Engine, Error, Refusal, WalletOption};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// The first account that can carry out a choice and that the rules take, and what they say of it. `fresh`: they are read anew, which is done in any case before something is refused: a commit tells
    /// that more is known of them by now, a refusal does not.
    pub(crate) async fn choose(
        &self,
        intent: &Terms,
        choice: &Confirmation,
        now: Timestamp,
        fresh: bool,
    ) -> Result<Chosen<'_>, Error> {
        match self.try_choose(intent, choice, now, fresh).await {
            Err(_) if !fresh => self.try_choose(intent, choice, now, true).await,
            chosen => chosen,
        }
    }

    async fn try_choose(
        &self,
        intent: &Terms,
        choice: &Confirmation,
        now: Timestamp,
        fresh: bool,
    ) -> Result<Chosen<'_>, Error> {
        let (amount, capture, client) = (intent.amount, intent.capture, choice.client.clone());
        let amount = Some(amount);
        let question = Consultation { amount, capture, client, declared: choice.declared.clone() };
        let ruling = self.ruling(intent.tenant, now, fresh).await?;
        let case = self.case(intent.tenant, &choice.declared, (amount, now), &choice.client)?;
        let case = self.with_budgets(intent.tenant, &ruling, case).await?;
        let time = intent.expires_at.duration_since(now);
        let options = self.inner.accounts.consult(intent.tenant, &question, now, time);
        let weighed = ruling.weigh(options, &case);
        let is_meant = |one: &&Weighed| {
            choice.rail.as_ref().is_none_or(|rail| *rail == one.option.rail)
                && one.option.wallet == choice.wallet
                && choice.presentation.is_none_or(|wanted| wanted == one.option.presentation)
        };
        let Some(best) = weighed.iter().find(is_meant) else {
            let message = format!("no rail account offers {} in this presentation", choice.wallet);
            return Err(Error::precondition(reason::WALLET_UNAVAILABLE, message));
        };
        refuse_code(&best.option)?;
        refuse_obstacles(&best.option.obstacles, &choice.wallet)?;
        refuse_closed(best)?;
        refuse_undivided(best)?;
        let credit = best.credit().map_err(|CreditStays| credit_stays(best))?;
        let account = self.account(&best.option.account)?;
        let offer = account.offer(&best.option.wallet, best.option.presentation);
        let offer = offer.ok_or_else(|| Error::Broken("an option without an offer".into()))?;
        let division = best.division.clone().and_then(Result::ok);
        let decided = decided(best, &weighed, case, &ruling);
        Ok(Chosen { account, offer, decided, entries: ruling.entries(), division, credit })
    }
}

/// What a choice of a wallet means.
pub(crate) struct Chosen<'a> {
    /// The account.
    pub account: &'a Account,
    /// What it offers.
    pub offer: &'static Offer,
    /// How everything was judged; absent where nothing decides.
    pub decided: Option<Decided>,
    /// How many entries of the tenant's book were seen.
    pub entries: u64,
    /// How the money is divided; absent where the rules say nothing about it.
    pub division: Option<Box<Division>>,
    /// Whether it may be paid on credit.
    pub credit: Credit,
}

/// What is kept of the choice: how each way to pay that works was judged.
fn decided(best: &Weighed, all: &[Weighed], case: Case, ruling: &Ruling) -> Option<Decided> {
    let chosen = best.judged.clone()?;
    let others = all.iter().filter(|one| one.option.rank() < 2).filter_map(|one| one.judged.clone());
    let mut beside: Vec<Judged> = others.filter(|one| one.offer != chosen.offer).collect();
    // Two accounts of one rail offer the same.
    beside.sort_by(|a, b| a.offer.cmp(&b.offer));
    beside.dedup_by(|a, b| a.offer == b.offer);
    let decided = Decided { facts: case.facts, payer: case.payer, chosen, beside, unchanged_since: None };
    let unchanged_since = ruling.rules().book().and_then(|book| decided.unchanged_by(book));
    Some(Decided { unchanged_since, ..decided })
}

/// The storefront's own rules do not take it.
fn refuse_closed(best: &Weighed) -> Result<(), Error> {
    if !best.closed && best.judged.as_ref().is_none_or(|judged| judged.decision.accepted) {
        return Ok(());
    }
    let wallet = &best.option.wallet;
    let why = match &best.judged {
        None => "no version of the rules decides now".to_owned(),
        Some(Judged { decision, .. }) => {
            let rule = decision.rule.as_ref().map(|rule| format!(" by {rule}")).unwrap_or_default();
            let lacks: Vec<&str> = decision.missing.iter().map(|lack| lack.name()).collect();
            let lacks =
                if lacks.is_empty() { String::new() } else { format!(", missing {}", lacks.join(", ")) };
            format!("{}{rule}{lacks}", decision.because.as_str())
        }
    };
    let message = format!("the rules do not take {wallet} for this order: {why}");
    let because = best.judged.as_ref().map_or(NO_VERSION, |judged| judged.decision.because.as_str());
    Err(Error::refused(reason::WALLET_CLOSED_BY_POLICY, message, closed_by(best, because)))
}

/// What its decision says, in names only.
fn closed_by(best: &Weighed, because: &'static str) -> Refusal {
    let decision = best.judged.as_ref().map(|judged| &judged.decision);
    let missing = decision.map_or(&[][..], |decision| &decision.missing);
    Refusal {
        version: decision.map(|decision| decision.decided_by.version),
        rule: decision.and_then(|decision| decision.rule.as_ref()).map(ToString::to_string),
        because,
        missing: missing.iter().map(|lack| lack.name().to_owned()).collect(),
    }
}

/// The payer's code is another wallet's. Only what the rail's own documents leave out comes here; whatever is less sure is
/// the rail's to decide.
fn refuse_code(option: &WalletOption) -> Result<(), Error> {
    let known = option.code.filter(|_| option.obstacles.contains(&Obstacle::OtherWalletsCode));
    let Some(issuer) = known.and_then(|known| known.issuer) else { return Ok(()) };
    let (rail, wallet) = (&option.rail, &issuer.wallet);
    let message =
        format!("the payer's code is one of {wallet}, which {rail} does not take; charge it as {wallet}");
    Err(Error::precondition(reason::PAYER_CODE_OF_OTHER_WALLET, message))
}

/// What the storefront's own rules say about money does not fit this payment.
fn refuse_undivided(best: &Weighed) -> Result<(), Error> {
    match &best.division {
        Some(Err(why)) => {
            let version = best.judged.as_ref().map(|judged| judged.decision.decided_by.version);
            let by = divide::refusal(version, why);
            Err(Error::refused(reason::TERMS_DO_NOT_FIT, why.to_string(), by))
        }
        Some(Ok(_)) | None => Ok(()),
    }
}

fn credit_stays(best: &Weighed) -> Error {
    let (rail, wallet) = (&best.option.rail, &best.option.wallet);
    let rule = best.judged.as_ref().and_then(|judged| judged.decision.rule.as_ref());
    let rule = rule.map_or_else(|| "the rules leave".to_owned(), |rule| format!("{rule} leaves"));
    let message = format!(
        "{rule} credit out, and no order of {wallet} at {rail} can: open it without `credit = false`, or close it"
    );
    Error::refused(reason::WALLET_CLOSED_BY_POLICY, message, closed_by(best, CREDIT_STAYS))
}

fn refuse_obstacles(obstacles: &[Obstacle], wallet: &WalletName) -> Result<(), Error> {
    let missing: Vec<Violation> = obstacles
        .iter()
        .filter_map(|obstacle| match obstacle {
            Obstacle::Missing(need) => Some(need_field(*need)),
            _ => None,
        })
        .map(|field| Violation {
            field: field.into(),
            rule: format!("is needed to pay with {wallet} this way"),
        })
        .collect();
    let other: Vec<&str> = obstacles
        .iter()
        .filter(|obstacle| !matches!(obstacle, Obstacle::Missing(_)))
        .map(|obstacle| obstacle.code())
        .collect();
    if !other.is_empty() {
        let message = format!("{wallet} cannot be offered here: {}", other.join(", "));
        return Err(Error::precondition(reason::WALLET_UNAVAILABLE, message));
    }
    if missing.is_empty() { Ok(()) } else { Err(Error::Invalid(missing)) }
}

/// The field's path in the storefront contract: the edge hands it on as it is.
fn need_field(need: paifang_rail::Need) -> &'static str {
    match need {
        paifang_rail::Need::PayerId => "choice.client_context.payer_id",
        paifang_rail::Need::PayerCode => "choice.client_context.payer_code",
        paifang_rail::Need::ClientIp => "choice.client_context.payer_ip",
    }
}
