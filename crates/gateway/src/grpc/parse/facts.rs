//! What a storefront declares for its own rules.

use paifang_engine::Declared;
use paifang_payment::PayerId;
use paifang_policy::facts::{Facts, Input, Value};
use paifang_proto::v1;

use super::Fields;

/// The facts that stand in the field `at`; none where it is not there.
pub(super) fn declared(
    fields: &mut Fields,
    at: &str,
    message: Option<v1::DeclaredFacts>,
) -> Option<Declared> {
    let Some(message) = message else { return Some(Declared::default()) };
    let payer = match message.payer_reference.as_str() {
        "" => Some(None),
        text => fields.keep(&format!("{at}.payer_reference"), PayerId::parse(text)).map(Some),
    };
    let texts = [
        ("payer_region", Input::PayerRegion, message.payer_region),
        ("payer_age_band", Input::PayerAgeBand, message.payer_age_band),
        ("payer_tier", Input::PayerTier, message.payer_tier),
        ("merchant_id", Input::MerchantId, message.merchant_id),
        ("merchant_category", Input::MerchantCategory, message.merchant_category),
        ("product_category", Input::ProductCategory, message.product_category),
    ];
    let texts = texts.into_iter().filter(|(.., text)| !text.is_empty());
    let texts = texts.map(|(name, input, text)| (name, input, Value::from(text.as_str())));
    let live =
        message.product_live_room.map(|live| ("product_live_room", Input::ProductLiveRoom, live.into()));
    let mut facts = Some(Facts::new());
    for (name, input, value) in texts.chain(live) {
        let read = Facts::new().with(input, value.clone());
        let read = read.map_err(|_| format!("must be {}", input.kind().rule()));
        let fits = fields.keep(&format!("{at}.{name}"), read).is_some();
        // What fits an empty set of facts fits any.
        facts = facts.filter(|_| fits).and_then(|facts| facts.with(input, value).ok());
    }
    Some(Declared { facts: facts?, payer: payer? })
}
