//! What a storefront asks, already parsed: every field has its type, and nothing is optional that is needed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use paifang_money::PositiveMoney;
use paifang_payment::intent::{CaptureMode, Complaint};
use paifang_payment::{IntentId, PayerId, Presentation, RailName, RefundId, Remark, RequestId, WalletName};
use paifang_policy::facts::Facts;
use paifang_rail::{ClientKind, PayerCode};
use paifang_shares::discounts::Funder;
use paifang_shares::refund_terms::RefundCase;
use paifang_shares::waterfall::Bearer;
use paifang_shares::{DiscountId, Merchant, Receiver};
use serde::Serialize;

/// Create an intent, and confirm it at once where a wallet is chosen already.
#[derive(Debug, Clone, Serialize)]
pub struct CreateIntent {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// What is to be paid.
    pub amount: PositiveMoney,
    /// Whether the payer is charged at once. Kept out of the fingerprint where it says nothing new, so that a call that was
    /// made before there were holds is still the same call.
    #[serde(skip_serializing_if = "is_automatic")]
    pub capture: CaptureMode,
    /// What is bought; 1 to 127 bytes.
    pub description: String,
    /// The storefront's notes.
    pub metadata: BTreeMap<String, String>,
    /// When it ends by itself; absent: the gateway's default.
    pub expires_at: Option<Timestamp>,
    /// The choice, if it is made.
    pub confirmation: Option<Confirmation>,
}

/// Choose a wallet for an intent; again with another one to switch.
#[derive(Debug, Clone, Serialize)]
pub struct ConfirmIntent {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// Which intent.
    pub intent: IntentId,
    /// The etag that the caller has seen; absent: any.
    #[serde(skip)]
    pub etag: Option<String>,
    /// The choice.
    pub confirmation: Confirmation,
}

/// A wallet, a presentation, and what is known of the payer.
#[derive(Debug, Clone, Serialize)]
pub struct Confirmation {
    /// The wallet.
    pub wallet: WalletName,
    /// Only over this rail; absent: any that serves the wallet.
    pub rail: Option<RailName>,
    /// How the payer is asked; absent: the first that fits the client.
    pub presentation: Option<Presentation>,
    /// The payer's surroundings.
    pub client: Client,
    /// Where the payer's browser goes at the end.
    pub return_url: Option<String>,
    /// What the storefront declares for its rules. Kept out of the fingerprint where it says nothing, so that a call that was
    /// made before there were rules is still the same call.
    #[serde(skip_serializing_if = "Declared::is_nothing")]
    pub declared: Declared,
}

/// What a storefront says of an order and its payer, for its own rules to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Declared {
    /// What is known; amount, currency, time and client are the gateway's to say.
    pub facts: Facts,
    /// The payer as the storefront names them. Rules and records know a pseudonym of it only.
    pub payer: Option<PayerId>,
}

/// The payer's surroundings, as the storefront sees them.
#[derive(Debug, Clone, Serialize)]
pub struct Client {
    /// Where the payer is.
    pub kind: ClientKind,
    /// Inside of which wallet, where `kind` says so.
    pub wallet: Option<WalletName>,
    /// The payer's address.
    pub ip: Option<IpAddr>,
    /// The payer as the wallet's login names them.
    pub payer: Option<PayerId>,
    /// The code scanned from the payer's phone.
    #[serde(serialize_with = "exposed")]
    pub payer_code: Option<PayerCode>,
}

/// End an intent unpaid.
#[derive(Debug, Clone, Serialize)]
pub struct CancelIntent {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// Which intent.
    pub intent: IntentId,
    /// The etag that the caller has seen; absent: any.
    #[serde(skip)]
    pub etag: Option<String>,
}

/// Take held money.
#[derive(Debug, Clone, Serialize)]
pub struct CaptureIntent {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// Which intent.
    pub intent: IntentId,
    /// How much; absent: all that is held.
    pub amount: Option<PositiveMoney>,
    /// The etag that the caller has seen; absent: any.
    #[serde(skip)]
    pub etag: Option<String>,
}

/// Give money back.
#[derive(Debug, Clone, Serialize)]
pub struct CreateRefund {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// Which intent.
    pub intent: IntentId,
    /// How much; absent: everything that is left.
    pub amount: Option<PositiveMoney>,
    /// Why, for the payer's eyes; at most 80 bytes.
    pub reason: Option<String>,
    /// Why, for the storefront's own rules. Kept out of the fingerprint where it is absent, so that a call that was made before
    /// there were such rules is still the same call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<RefundCase>,
}

/// Give up a refund that is short of funds.
#[derive(Debug, Clone, Serialize)]
pub struct CancelRefund {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// Which refund.
    pub refund: RefundId,
}

/// Change who bears a refund that has gone out.
#[derive(Debug, Clone, Serialize)]
pub struct ReverseRefund {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// Which refund.
    pub refund: RefundId,
    /// How much of what was funded; absent: all of it.
    pub amount: Option<PositiveMoney>,
    /// Who bears it instead; absent: somebody outside of the book.
    pub from: Option<Bearer>,
    /// Why.
    pub why: Remark,
}

/// Move a storefront's own funds.
#[derive(Debug, Clone, Serialize)]
pub struct TransferFunds {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// Where they are.
    pub from: Fund,
    /// Where they go.
    pub to: Fund,
    /// How much.
    pub amount: PositiveMoney,
}

/// One of a storefront's own funds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fund {
    /// Outside of the book: where money is paid in from and out to.
    Outside,
    /// What fees brought.
    Fees,
    /// What a receiver of splits has earned.
    Receiver(Receiver),
    /// What bears refunds.
    Bearer(Bearer, Option<Merchant>),
    /// What is set aside for a discount.
    Budget(DiscountId),
    /// What a funder of discounts has paid in, or owes.
    Discounts(Funder),
}

/// Report that a payer complains.
#[derive(Debug, Clone, Serialize)]
pub struct ReportComplaint {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// Which intent.
    pub intent: IntentId,
    /// About what.
    pub about: Complaint,
}

/// What a call made, or had made before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made<T> {
    /// The resource as it is now.
    pub resource: T,
    /// The same call was taken before; nothing was done again.
    pub replayed: bool,
}

impl Declared {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

fn is_automatic(mode: &CaptureMode) -> bool {
    *mode == CaptureMode::Automatic
}

/// The code enters the keyed fingerprint of the request and nothing else.
fn exposed<S: serde::Serializer>(code: &Option<PayerCode>, to: S) -> Result<S::Ok, S::Error> {
    code.as_ref().map(PayerCode::expose).serialize(to)
}
