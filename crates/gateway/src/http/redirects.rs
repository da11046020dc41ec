//! `POST /refunds/{refund_id}/abnormal` for operators: says where the money of a refund goes that the payer's account did
//! not take. The body holds a bank account and a name: they are wiped as soon as the rail's message is made, no error
//! repeats them, and nothing here has a `Debug` text. What the HTTP library itself has buffered is beyond reach.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use paifang_engine::{RedirectError, Redirected};
use paifang_payment::RefundId;
use paifang_rail::{PayerCard, PlanError, RefundDestination, Secret};
use paifang_store::Store;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::{Value, json};
use tokio::time::timeout;
use zeroize::{Zeroize, Zeroizing};

use crate::redirects::{NotRedirected, Redirecting};

/// Largest body in bytes: two values of at most 214 bytes, however they are escaped.
const BYTES_MAX: usize = 4096;
/// How long it may take to arrive.
const READ_TIME: Duration = Duration::from_secs(5);
const FIELDS: [&str; 4] = ["to", "bank_type", "bank_account", "real_name"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    to: To,
    #[serde(default)]
    bank_type: Option<String>,
    #[serde(default)]
    bank_account: Option<Hidden>,
    #[serde(default)]
    real_name: Option<Hidden>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum To {
    PayerCard,
    MerchantCard,
}

/// A text that goes from the body straight into memory that is wiped.
struct Hidden(Secret);

/// Takes the decision, and answers the refund as it stands then.
pub(crate) async fn redirect<S: Store>(
    State(redirecting): State<Arc<Redirecting<S>>>,
    Path(refund): Path<String>,
    request: Request,
) -> Response {
    let Ok(refund) = RefundId::parse(&refund) else {
        return refuse(StatusCode::BAD_REQUEST, "refund_id: must be the id of a refund");
    };
    // A web page that an operator looks at cannot send this type without being asked who it is.
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.and_then(|kind| kind.split(';').next()).map(str::trim) != Some("application/json") {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type: must be application/json");
    }
    let body = match timeout(READ_TIME, read(request.into_body())).await {
        Ok(Ok(body)) => body,
        Ok(Err(status)) => return refuse(status, "the body did not come, or is too large"),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    let to = match destination(&body) {
        Ok(to) => to,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    drop(body);
    match redirecting.redirect(refund, to).await {
        Ok(redirected) => answer(&redirected),
        Err(error) => {
            tracing::warn!(%refund, %error, "a refund was not sent elsewhere");
            refuse(status(&error), &error.to_string())
        }
    }
}

/// The body, in memory that never moves and is wiped.
async fn read(mut body: Body) -> Result<Zeroizing<Vec<u8>>, StatusCode> {
    let mut whole = Zeroizing::new(Vec::with_capacity(BYTES_MAX));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        let Ok(part) = frame.into_data() else { continue };
        if whole.len() + part.len() > BYTES_MAX {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        whole.extend_from_slice(&part);
        if let Ok(mut part) = part.try_into_mut() {
            part.as_mut().zeroize();
        }
    }
    Ok(whole)
}

/// What is wrong names the field and never its value.
fn destination(body: &[u8]) -> Result<RefundDestination, String> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let wanted: Wanted = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        match FIELDS.into_iter().find(|field| *field == path) {
            Some("to") => "to: must be payer_card or merchant_card".to_owned(),
            Some(field) => format!("{field}: must be one text"),
            None => format!("the body: must be a JSON object of {}", FIELDS.join(", ")),
        }
    })?;
    json.end().map_err(|_| "the body: must be one JSON object".to_owned())?;
    let Wanted { to, bank_type, bank_account, real_name } = wanted;
    match to {
        To::PayerCard => {
            let missing = |field| format!("{field}: must be given for payer_card");
            Ok(RefundDestination::PayerCard(PayerCard {
                bank_type: bank_type.ok_or_else(|| missing("bank_type"))?,
                bank_account: bank_account.ok_or_else(|| missing("bank_account"))?.0,
                real_name: real_name.ok_or_else(|| missing("real_name"))?.0,
            }))
        }
        To::MerchantCard => {
            let given = [bank_type.is_some(), bank_account.is_some(), real_name.is_some()];
            match FIELDS[1..].iter().zip(given).find(|(_, given)| *given) {
                Some((field, _)) => Err(format!("{field}: only for payer_card")),
                None => Ok(RefundDestination::MerchantCard),
            }
        }
    }
}

fn answer(redirected: &Redirected) -> Response {
    let refund = &redirected.refund;
    let mut shown = json!({
        "refund_id": refund.terms.id.to_string(),
        "state": refund.state.name(),
        "attention": refund.attention().map(ToString::to_string),
        "refund_number": refund.terms.refund_no.to_string(),
        "rail_reference": refund.rail_ref.as_ref().map(ToString::to_string),
    });
    match &redirected.doubt {
        None => Json(shown).into_response(),
        Some(doubt) => {
            let why =
                format!("the rail did not confirm it ({doubt}) and is being asked; read the refund again");
            shown["error"] = Value::String(why);
            (StatusCode::BAD_GATEWAY, Json(shown)).into_response()
        }
    }
}

fn status(error: &NotRedirected) -> StatusCode {
    match error {
        NotRedirected::Refund(RedirectError::NotFound) => StatusCode::NOT_FOUND,
        NotRedirected::Refund(RedirectError::NotWaiting { .. })
        | NotRedirected::Plan(PlanError::Unsupported(_)) => StatusCode::CONFLICT,
        NotRedirected::Plan(PlanError::BadValue { .. }) => StatusCode::BAD_REQUEST,
        NotRedirected::Plan(PlanError::MissingKey(_) | PlanError::AdapterFailed)
        | NotRedirected::Refund(RedirectError::Failed(_))
        | NotRedirected::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Hidden;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Hidden, E> {
        Ok(Hidden(Secret::new(text.as_bytes().to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I14: what is wrong is named by its field, and no value is repeated.
    #[test]
    fn a_wrong_decision_is_named_and_not_repeated() {
        for (body, why) in [
            ("", "the body: must be a JSON object of to, bank_type, bank_account, real_name"),
            ("[62220200]", "the body: must be a JSON object"),
            (r#"{"to":"62220200"}"#, "to: must be payer_card or merchant_card"),
            (r#"{"62220200":"x"}"#, "the body: must be a JSON object"),
            (r#"{"to":"merchant_card","bank_account":"62220200"}"#, "bank_account: only for payer_card"),
            (r#"{"to":"payer_card","bank_account":62220200}"#, "bank_account: must be one text"),
            (r#"{"to":"payer_card","bank_type":["62220200"]}"#, "bank_type: must be one text"),
            (r#"{"to":"payer_card","bank_account":"62220200"}"#, "bank_type: must be given"),
            (r#"{"to":"merchant_card"}62220200"#, "the body: must be one JSON object"),
        ] {
            let told = destination(body.as_bytes()).err().unwrap_or_else(|| panic!("{body} was taken"));
            assert!(told.starts_with(why), "{body}: {told}");
            assert!(!told.contains("62220200"), "{told}");
        }
        assert!(matches!(destination(br#"{"to":"merchant_card"}"#), Ok(RefundDestination::MerchantCard)));
        let card = r#"{"to":"payer_card","bank_type":"ICBC_DEBIT","bank_account":"62220200","real_name":"\u5f20三"}"#;
        let Ok(RefundDestination::PayerCard(card)) = destination(card.as_bytes()) else { panic!("no card") };
        assert_eq!(card.bank_account.expose(), b"62220200");
        assert_eq!(card.real_name.expose(), "张三".as_bytes());
    }
}
