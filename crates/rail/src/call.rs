//! What the engine wants of a rail.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use paifang_boundary::{Field, Fields, told};
use paifang_money::PositiveMoney;
use paifang_payment::{Credit, OrderNo, PayerAlias, PayerId, Presentation, RailRef, Verb, WalletName};
use zeroize::Zeroizing;

use crate::{PlanError, Told};

/// One call. Everything in it is stored before the call is planned.
#[derive(Debug, Clone, Copy)]
pub enum Call<'a> {
    /// Collect the money, or create the order for it.
    Charge(&'a Charge),
    /// Ask about an order.
    Query(&'a Order),
    /// End an unpaid order.
    Close(&'a Order),
    /// End an order, returning what was paid.
    Reverse(&'a Reversal),
    /// Ask about a reverse.
    QueryReverse(&'a Reversal),
    /// Give money back.
    Refund(&'a RefundOrder),
    /// Ask about a refund.
    QueryRefund(&'a RefundOrder),
    /// Take held money, all of it or a part.
    Capture(&'a CaptureOrder),
    /// Ask about a capture.
    QueryCapture(&'a CaptureOrder),
    /// Give held money back.
    Release(&'a ReleaseOrder),
    /// Ask about a release.
    QueryRelease(&'a ReleaseOrder),
}

/// What an order is to the rail; rails have different calls for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// The payer is charged at once.
    Payment,
    /// The payer's money is held first; see [`crate::Offer::hold`].
    Hold,
    /// What was taken out of a hold. Refunds of held payments point to it: its number, amount and rail reference are the
    /// capture's own.
    Capture,
}

/// An order as the rail knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What it is.
    pub kind: OrderKind,
    /// Our number.
    pub order_no: OrderNo,
    /// The whole amount of the order.
    pub amount: PositiveMoney,
    /// How the payer is asked.
    pub presentation: Presentation,
    /// The rail's own number, once known (UnionPay's `queryId`).
    pub rail_ref: Option<RailRef>,
    /// When the order was opened; part of UnionPay's order identity (`txnTime`). Whole seconds.
    pub opened_at: Timestamp,
    /// The absolute expiry that is also sent to the rail. Whole seconds.
    pub expires_at: Timestamp,
}

/// A new order.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The order to create.
    pub order: Order,
    /// The wallet that the payer chose (one rail may serve several).
    pub wallet: WalletName,
    /// Whether the payer may pay on credit. An adapter that cannot leave it out refuses to plan such an order.
    pub credit: Credit,
    /// What is bought, for the payer's eyes; 1 to 127 bytes of UTF-8 without control characters.
    pub description: Told<told::PaymentIntentDescription, String>,
    /// The payer as the wallet's login names them, where the offer needs it.
    pub payer: Told<told::ClientContextPayerId, PayerId>,
    /// The code scanned from the payer's phone, where the offer needs it.
    pub payer_code: Told<told::ClientContextPayerCode, PayerCode>,
    /// The payer's address, where the rail asks for it.
    pub client_ip: Told<told::ClientContextPayerIp, IpAddr>,
    /// The payer under a name of this rail account's own, where the rail takes one for weighing risk. What the storefront
    /// calls the payer never crosses.
    pub payer_alias: Told<told::DeclaredFactsPayerReference, PayerAlias>,
}

/// A reverse of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// The order to end.
    pub order: Order,
    /// The reverse's own number, on rails that want one.
    pub reversal_no: OrderNo,
    /// When the reverse was opened. Whole seconds.
    pub opened_at: Timestamp,
}

/// A refund of (a part of) an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOrder {
    /// The paid order.
    pub order: Order,
    /// The refund's own number; the same at each repeat.
    pub refund_no: OrderNo,
    /// How much goes back.
    pub amount: PositiveMoney,
    /// Why, for the payer's eyes; at most 80 bytes.
    pub reason: Told<told::RefundReason, String>,
    /// When the refund was opened. Whole seconds.
    pub opened_at: Timestamp,
}

impl RefundOrder {
    /// The fields that cross with it beside those of its order.
    fn crossed(&self) -> Fields {
        let terms = [Field::RefundRefundNumber, Field::RefundAmount, Field::RefundCreateTime];
        terms.into_iter().chain(self.reason.crossed()).collect()
    }
}

/// Money is taken out of a hold. Once per hold: what is not taken goes back to the payer with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureOrder {
    /// The hold ([`OrderKind::Hold`], its amount is what is held).
    pub hold: Order,
    /// The capture's own number; the same at each repeat.
    pub capture_no: OrderNo,
    /// How much is taken.
    pub amount: PositiveMoney,
    /// What is bought, as in [`Charge::description`].
    pub description: Told<told::PaymentIntentDescription, String>,
    /// When the capture was opened. Whole seconds.
    pub opened_at: Timestamp,
}

/// A hold is given back in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseOrder {
    /// The hold ([`OrderKind::Hold`], its amount is what is held).
    pub hold: Order,
    /// The release's own number; the same at each repeat.
    pub release_no: OrderNo,
    /// When the release was opened. Whole seconds.
    pub opened_at: Timestamp,
}

/// The digits of a payer's code. Whoever has it can charge the payer, so it is a secret: no `Debug` text, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct PayerCode(Zeroizing<String>);

/// Not a payer's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payer's code is 10 to 64 letters and digits")]
pub struct PayerCodeError;

impl PayerCode {
    /// Reads a scanned code: 10 to 64 letters and digits.
    pub fn parse(text: &str) -> Result<Self, PayerCodeError> {
        let plain = (10..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if plain { Ok(Self(Zeroizing::new(text.to_owned()))) } else { Err(PayerCodeError) }
    }

    /// The digits, for the message to the rail, and to tell by the published table who issued them; for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PayerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayerCode(***)")
    }
}

impl Charge {
    /// For the plans of orders that can leave out no means of payment.
    ///
    /// Errors: the payer may not pay on credit.
    pub fn must_allow_credit(&self) -> Result<(), PlanError> {
        match self.credit {
            Credit::Allowed => Ok(()),
            Credit::Excluded => Err(PlanError::Unsupported("an order that leaves credit out")),
        }
    }

    /// Empties what is not allowed.
    pub fn narrow(&mut self, allowed: &Fields) {
        // Named one by one: a field that is new here has to be narrowed, too.
        let Self { order: _, wallet: _, credit: _, description, payer, payer_code, client_ip, payer_alias } =
            self;
        description.narrow(allowed);
        payer.narrow(allowed);
        payer_code.narrow(allowed);
        client_ip.narrow(allowed);
        payer_alias.narrow(allowed);
    }

    fn crossed(&self) -> Fields {
        let Self { order: _, wallet: _, credit, description, payer, payer_code, client_ip, payer_alias } =
            self;
        let left_out = (*credit == Credit::Excluded).then_some(Field::AttemptCreditExcluded);
        let opened = [
            description.crossed(),
            payer.crossed(),
            payer_code.crossed(),
            client_ip.crossed(),
            payer_alias.crossed(),
        ];
        opened.into_iter().flatten().chain([Field::AttemptWallet]).chain(left_out).collect()
    }
}

impl Order {
    /// The terms that every call about the order is handed.
    fn terms(&self) -> Fields {
        let own = match self.kind {
            OrderKind::Payment | OrderKind::Hold => [Field::AttemptOrderNumber, Field::AttemptPayableAmount],
            OrderKind::Capture => [Field::AttemptCaptureNumber, Field::PaymentIntentAmountCaptured],
        };
        let all = [Field::AttemptPresentation, Field::AttemptCreateTime, Field::AttemptExpireTime];
        let rail_ref = self.rail_ref.as_ref().map(|_| Field::AttemptRailReference);
        own.into_iter().chain(all).chain(rail_ref).collect()
    }
}

impl Call<'_> {
    /// The fields that cross to the rail with this call, once it is planned: its terms, and what the adapter has opened.
    pub fn crossed(&self) -> Fields {
        let own: Fields = match self {
            Self::Charge(charge) => charge.crossed(),
            Self::Query(_)
            | Self::Close(_)
            | Self::Reverse(_)
            | Self::QueryReverse(_)
            | Self::Release(_)
            | Self::QueryRelease(_) => Fields::NONE,
            Self::Refund(refund) | Self::QueryRefund(refund) => refund.crossed(),
            Self::Capture(capture) | Self::QueryCapture(capture) => {
                let terms = [Field::AttemptCaptureNumber, Field::PaymentIntentAmountCaptured];
                terms.into_iter().chain(capture.description.crossed()).collect()
            }
        };
        self.order().terms().or(own)
    }

    /// Which verb this is.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Charge(_) => Verb::Charge,
            Self::Query(_) => Verb::Query,
            Self::Close(_) => Verb::Close,
            Self::Reverse(_) => Verb::Reverse,
            Self::QueryReverse(_) => Verb::QueryReverse,
            Self::Refund(_) => Verb::Refund,
            Self::QueryRefund(_) => Verb::QueryRefund,
            Self::Capture(_) => Verb::Capture,
            Self::QueryCapture(_) => Verb::QueryCapture,
            Self::Release(_) => Verb::Release,
            Self::QueryRelease(_) => Verb::QueryRelease,
        }
    }

    /// The order that the call is about.
    pub fn order(&self) -> &Order {
        match self {
            Self::Charge(charge) => &charge.order,
            Self::Query(order) | Self::Close(order) => order,
            Self::Reverse(reversal) | Self::QueryReverse(reversal) => &reversal.order,
            Self::Refund(refund) | Self::QueryRefund(refund) => &refund.order,
            Self::Capture(capture) | Self::QueryCapture(capture) => &capture.hold,
            Self::Release(release) | Self::QueryRelease(release) => &release.hold,
        }
    }
}
