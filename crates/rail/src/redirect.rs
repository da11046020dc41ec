//! Where the money of a refund goes that the payer's account did not take. It is an operator's decision and needs a bank
//! account that is never stored, so it is no [`crate::Call`]: those are planned again from what is stored.

use paifang_boundary::{Field, Fields};
use paifang_payment::RailRef;

use crate::{Answer, Call, Context, Exchange, PlanError, RefundOrder, Reply, Secret};

/// One decision. It has no `Debug` and no `Clone`: it is planned once and dropped, which wipes what is secret.
pub struct RedirectedRefund {
    /// The refund.
    pub refund: RefundOrder,
    /// The rail's own number of the refund.
    pub rail_ref: RailRef,
    /// Where its money goes.
    pub to: RefundDestination,
}

/// Where the money goes.
pub enum RefundDestination {
    /// To a card of the payer.
    PayerCard(PayerCard),
    /// To the merchant's own card, out of which the merchant pays the payer.
    MerchantCard,
}

/// A card of the payer. Personal data: for the rail's eyes only.
pub struct PayerCard {
    /// The rail's name of the bank, such as WeChat Pay's `ICBC_DEBIT`.
    pub bank_type: String,
    /// The number of the account or card.
    pub bank_account: Secret,
    /// The name of its owner, UTF-8.
    pub real_name: Secret,
}

impl RedirectedRefund {
    /// The fields that cross to the rail with it, once it is planned.
    pub fn crossed(&self) -> Fields {
        let card: &[Field] = match &self.to {
            RefundDestination::PayerCard(_) => {
                &[Field::PayerCardBankAccount, Field::PayerCardBankType, Field::PayerCardRealName]
            }
            RefundDestination::MerchantCard => &[],
        };
        Call::QueryRefund(&self.refund).crossed().or(card.iter().copied().collect())
    }
}

/// What an adapter implements whose rail lets a merchant send such money elsewhere; see [`crate::Rail::redirects`].
pub trait Redirects: Send + Sync {
    /// Turns the decision into bytes. Not deterministic: what is secret is sealed for the rail, and each sealing differs.
    ///
    /// # Errors
    /// When a value cannot be sent, or a key is missing; nothing was sent then.
    fn plan_redirect(&self, decision: &RedirectedRefund, cx: &Context<'_>) -> Result<Exchange, PlanError>;

    /// What the answer says: the refund as it stands now, as its query would. An error says nothing of the refund.
    fn read_redirect(&self, of: &RefundOrder, reply: &Reply, cx: &Context<'_>) -> Answer;
}
