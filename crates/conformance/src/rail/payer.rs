//! The payer's side of what a storefront is told to do.

use paifang_payment::NextAction;
use paifang_rail::{Charge, Reply};

use super::Target;
use super::http::round_trip;

/// Redirects that a payer's browser follows.
const HOPS_MAX: usize = 5;

/// How the payer names the order once the storefront did what it was told.
pub(super) fn target(charge: &Charge, next: &NextAction) -> Target {
    match next {
        NextAction::ShowQr { content, .. } => Target::Qr(content.clone()),
        NextAction::InvokeWallet { parameters } => {
            // The order string of Alipay's app is as good as a code: whoever has it gets to the order.
            if let Some(text) = parameters.get("orderStr") {
                return Target::Qr(text.clone());
            }
            let package = parameters.get("package").and_then(|package| package.strip_prefix("prepay_id="));
            let named = ["tn", "tradeNO", "prepayid"].iter().find_map(|name| parameters.get(*name));
            let id = package.or(named.map(String::as_str));
            Target::PrepayId(id.expect("the bridge's parameters name the order").to_owned())
        }
        NextAction::Redirect { url } => match elsewhere(url) {
            Some(prepay_id) => Target::PrepayId(prepay_id),
            None => Target::OrderNo(charge.order.order_no.to_string()),
        },
        NextAction::PostForm { .. } | NextAction::WaitForPayer => {
            Target::OrderNo(charge.order.order_no.to_string())
        }
    }
}

/// The order that a page of the rail's own host is about. Nobody goes there: the other side is on this machine, and takes
/// the URL's id for the visit.
pub(super) fn elsewhere(url: &str) -> Option<String> {
    let (_, query) = url.strip_prefix("https://")?.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "prepay_id").map(|(_, id)| id.into_owned())
}

/// What a payer's browser ends at.
pub(super) async fn browse(next: &NextAction) -> Reply {
    let (mut url, mut form) = match next {
        NextAction::Redirect { url } => (url.clone(), None),
        NextAction::PostForm { url, fields } => {
            let pairs = fields.iter().map(|field| (&field.name, &field.value));
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            (url.clone(), Some(form))
        }
        NextAction::ShowQr { .. } | NextAction::InvokeWallet { .. } | NextAction::WaitForPayer => {
            panic!("{} is not for a browser", next.kind())
        }
    };
    for _ in 0..HOPS_MAX {
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        let page = match form.take() {
            Some(form) => round_trip("POST", &url, &kind, form.as_bytes()).await,
            None => round_trip("GET", &url, &[], b"").await,
        };
        let page = page.expect("a page");
        match page.header("location") {
            Some(location) if (300..400).contains(&page.status) => url = location.to_owned(),
            Some(_) | None => return page,
        }
    }
    panic!("redirected more than {HOPS_MAX} times")
}
