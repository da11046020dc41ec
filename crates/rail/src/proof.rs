//! Proof that a rail said something, and outcomes that need it.

use paifang_payment::{
    Attention, Basis, CloseProof, Digest, Doubt, Evidence, News, Observation, Outcome as Plain, Pending,
    Reason, Refusal, Settled, Source, Verb,
};

/// A signature was verified with a key of this account. Only [`crate::Keyring`] makes one.
#[derive(Debug)]
pub struct Genuine {
    digest: Digest,
    key_serial: String,
}

/// An outcome together with what it rests on.
#[derive(Debug)]
pub struct Outcome {
    plain: Plain,
    proof: Option<Genuine>,
    attention: Option<Attention>,
}

/// Something that was verified; the engine takes nothing else from outside.
#[derive(Debug)]
pub struct Verified<T> {
    inner: T,
}

/// What a reply means.
#[derive(Debug)]
pub struct Answer {
    said: Said,
    rule: String,
    unknown_key: Option<String>,
}

#[derive(Debug)]
enum Said {
    Is(Outcome),
    Absent(Option<Genuine>),
}

/// A rail's text is kept up to this many characters.
const MESSAGE_CHARS_MAX: usize = 512;

impl Genuine {
    pub(crate) fn new(digest: Digest, key_serial: String) -> Self {
        Self { digest, key_serial }
    }

    /// The serial or id of the key that verified it.
    pub fn key_serial(&self) -> &str {
        &self.key_serial
    }
}

impl Outcome {
    /// The payer was charged.
    pub fn paid(proof: Genuine, settled: Settled) -> Self {
        Self { plain: Plain::Paid(settled), proof: Some(proof), attention: None }
    }

    /// The payer's money is held.
    pub fn held(proof: Genuine, settled: Settled) -> Self {
        Self { plain: Plain::Held(settled), proof: Some(proof), attention: None }
    }

    /// The refund was carried out.
    pub fn refunded(proof: Genuine, settled: Settled) -> Self {
        Self { plain: Plain::Refunded(settled), proof: Some(proof), attention: None }
    }

    /// The order ended.
    pub fn closed(proof: Genuine, close: CloseProof) -> Self {
        Self { plain: Plain::Closed(close), proof: Some(proof), attention: None }
    }

    /// The rail has it, by its signed word.
    pub fn pending(proof: Genuine, pending: Pending) -> Self {
        Self { plain: Plain::Pending(pending), proof: Some(proof), attention: None }
    }

    /// The rail has it, by its signed word, and it does not go on by itself: somebody has to decide something. The word is
    /// the rail's own for that, such as WeChat Pay's `ABNORMAL` of a refund that the payer's account did not take. Nothing
    /// is lost.
    pub fn waiting(proof: Genuine, pending: Pending, attention: Attention) -> Self {
        Self { attention: Some(attention), ..Self::pending(proof, pending) }
    }

    /// A signed no. The code must stand on the adapter's list of final refusals.
    pub fn refused(proof: Genuine, reason: Reason, rail_code: &str, rail_message: &str) -> Self {
        Self {
            plain: refusal(reason, rail_code, rail_message, Basis::Signed),
            proof: Some(proof),
            attention: None,
        }
    }

    /// A no that the rail leaves unsigned by its protocol. The code must stand on the adapter's list.
    pub fn refused_by_channel(reason: Reason, rail_code: &str, rail_message: &str) -> Self {
        Self { plain: refusal(reason, rail_code, rail_message, Basis::Channel), proof: None, attention: None }
    }

    /// Everything else.
    pub fn unknown(doubt: Doubt) -> Self {
        Self { plain: Plain::Unknown(doubt), proof: None, attention: None }
    }

    /// The rail's word for what waits for a decision, verbatim.
    pub fn attention(&self) -> Option<&Attention> {
        self.attention.as_ref()
    }

    /// What it says, without the proof.
    pub fn plain(&self) -> &Plain {
        &self.plain
    }

    /// Turns it into the machines' form; the digest is of the bytes that carried it.
    pub fn into_observation(self, verb: Verb, source: Source, carried: Digest, rule: String) -> Observation {
        let evidence = evidence(self.proof, source, carried, rule);
        Observation { verb, news: News::Outcome(self.plain), attention: self.attention, evidence }
    }
}

impl<T> Verified<T> {
    /// Keeps `inner` as verified; the witness says that somebody checked. An outcome inside carries its own.
    pub fn new(_witness: &Genuine, inner: T) -> Self {
        Self { inner }
    }

    /// What was verified.
    pub fn get(&self) -> &T {
        &self.inner
    }

    /// Gives up the wrapper; the engine does this once, at its door.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl Answer {
    /// The reply has this outcome, by this rule (`rail.call.case`).
    pub fn is(outcome: Outcome, rule: impl Into<String>) -> Self {
        Self { said: Said::Is(outcome), rule: rule.into(), unknown_key: None }
    }

    /// A query found no such order; signed where the rail signs that.
    pub fn absent(proof: Option<Genuine>, rule: impl Into<String>) -> Self {
        Self { said: Said::Absent(proof), rule: rule.into(), unknown_key: None }
    }

    /// The same answer, which could not be verified because it names a key that the ring does not have: the rail may have
    /// changed keys, and whoever keeps the ring should ask it.
    #[must_use]
    pub fn with_unknown_key(self, id: impl Into<String>) -> Self {
        Self { unknown_key: Some(id.into()), ..self }
    }

    /// The id of a key that the ring does not have.
    pub fn unknown_key(&self) -> Option<&str> {
        self.unknown_key.as_deref()
    }

    /// The rail's word for what waits for a decision, see [`Outcome::waiting`].
    pub fn attention(&self) -> Option<&str> {
        match &self.said {
            Said::Is(outcome) => outcome.attention().map(Attention::as_str),
            Said::Absent(_) => None,
        }
    }

    /// The outcome, or `None` for "absent". For tests and logs.
    pub fn outcome(&self) -> Option<&Plain> {
        match &self.said {
            Said::Is(outcome) => Some(outcome.plain()),
            Said::Absent(_) => None,
        }
    }

    /// The rule that read it so.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Turns it into the machines' form; the digest is of the reply's body.
    pub fn into_observation(self, verb: Verb, carried: Digest) -> Observation {
        let source = match verb {
            Verb::Charge | Verb::Close | Verb::Reverse | Verb::Refund | Verb::Capture | Verb::Release => {
                Source::Reply
            }
            Verb::Query
            | Verb::QueryReverse
            | Verb::QueryRefund
            | Verb::QueryCapture
            | Verb::QueryRelease => Source::Query,
        };
        match self.said {
            Said::Is(outcome) => outcome.into_observation(verb, source, carried, self.rule),
            Said::Absent(proof) => Observation {
                verb,
                news: News::Absent,
                attention: None,
                evidence: evidence(proof, source, carried, self.rule),
            },
        }
    }
}

fn refusal(reason: Reason, rail_code: &str, rail_message: &str, basis: Basis) -> Plain {
    let rail_message = rail_message.chars().take(MESSAGE_CHARS_MAX).collect();
    let rail_code = rail_code.chars().take(MESSAGE_CHARS_MAX).collect();
    Plain::Refused(Refusal { reason, rail_code, rail_message, basis })
}

/// The signed bytes are the better digest where there are any: they are what the key vouches for.
fn evidence(proof: Option<Genuine>, source: Source, carried: Digest, rule: String) -> Evidence {
    match proof {
        Some(genuine) => {
            Evidence { source, digest: Some(genuine.digest), key_serial: Some(genuine.key_serial), rule }
        }
        None => Evidence { source, digest: Some(carried), key_serial: None, rule },
    }
}
