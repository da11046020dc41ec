//! How a payer wants to pay, and where the payer is.

use paifang_engine::{Client, Confirmation};
use paifang_interop::codes;
use paifang_payment::{PayerId, Presentation, RailName, WalletName};
use paifang_proto::v1;
use paifang_rail::{ClientKind, PayerCode};

use super::{Fields, facts};

const URL_CHARS_MAX: usize = 512;

/// A wallet, a presentation, and the payer's surroundings.
pub(super) fn confirmation(fields: &mut Fields, choice: v1::WalletChoice) -> Option<Confirmation> {
    let wallet = wallet(fields, &choice);
    let presentation = presentation(fields, "choice.presentation", choice.presentation);
    let rail = match choice.rail.as_str() {
        "" => Some(None),
        rail => fields.keep("choice.rail", RailName::parse(rail)).map(Some),
    };
    let return_url = return_url(fields, choice.return_url);
    let declared = facts::declared(fields, "choice.declared_facts", choice.declared_facts);
    let client = client(fields, "choice.client_context", choice.client_context);
    let has_code = client.as_ref().is_some_and(|client| client.payer_code.is_some());
    if has_code && presentation.is_some_and(|chosen| chosen != Presentation::PayerCode) {
        let rule = "must be empty unless the presentation is PRESENTATION_PAYER_CODE";
        fields.wrong("choice.client_context.payer_code", rule);
    }
    Some(Confirmation {
        wallet: wallet?,
        rail: rail?,
        presentation: Some(presentation?),
        client: client?,
        return_url: return_url?,
        declared: declared?,
    })
}

/// Where none is named, a payer's code tells which one is meant: it is named, and not assumed.
fn wallet(fields: &mut Fields, choice: &v1::WalletChoice) -> Option<WalletName> {
    let code = choice.client_context.as_ref().and_then(|context| payer_code(&context.payer_code).ok());
    match code.and_then(|code| codes::published().identify(code.expose())) {
        Some(issuer) if choice.wallet.is_empty() => {
            let rule = format!("is required; the payer's code is one of {}", issuer.wallet);
            fields.wrong("choice.wallet", rule);
            None
        }
        Some(_) | None => fields.keep("choice.wallet", WalletName::parse(&choice.wallet)),
    }
}

fn presentation(fields: &mut Fields, field: &str, wanted: i32) -> Option<Presentation> {
    use v1::Presentation as Wire;
    let read = match Wire::try_from(wanted) {
        Ok(Wire::QrShown) => Some(Presentation::QrShown),
        Ok(Wire::PayerCode) => Some(Presentation::PayerCode),
        Ok(Wire::Jsapi) => Some(Presentation::Jsapi),
        Ok(Wire::MiniProgram) => Some(Presentation::MiniProgram),
        Ok(Wire::App) => Some(Presentation::App),
        Ok(Wire::MobileWeb) => Some(Presentation::MobileWeb),
        Ok(Wire::DesktopWeb) => Some(Presentation::DesktopWeb),
        Ok(Wire::Unspecified) | Err(_) => None,
    };
    if read.is_none() {
        fields.wrong(field, "must be one of the presentations of the contract");
    }
    read
}

/// The payer's surroundings, in the field `at`.
pub(super) fn client(fields: &mut Fields, at: &str, context: Option<v1::ClientContext>) -> Option<Client> {
    let Some(context) = context else {
        fields.wrong(at, "is required");
        return None;
    };
    let kind = client_kind(fields, at, context.kind);
    let wallet = inside_wallet(fields, at, kind, &context.inside_wallet);
    let ip = optional(fields, at, "payer_ip", &context.payer_ip, |text| {
        text.parse().map_err(|_| "must be an IPv4 or IPv6 address".to_owned())
    });
    let payer = optional(fields, at, "payer_id", &context.payer_id, |text| {
        PayerId::parse(text).map_err(|error| error.to_string())
    });
    let payer_code = optional(fields, at, "payer_code", &context.payer_code, payer_code);
    Some(Client { kind: kind?, wallet: wallet?, ip: ip?, payer: payer?, payer_code: payer_code? })
}

fn client_kind(fields: &mut Fields, at: &str, wanted: i32) -> Option<ClientKind> {
    use v1::ClientKind as Wire;
    let read = match Wire::try_from(wanted) {
        Ok(Wire::DesktopBrowser) => Some(ClientKind::DesktopBrowser),
        Ok(Wire::MobileBrowser) => Some(ClientKind::MobileBrowser),
        Ok(Wire::InWallet) => Some(ClientKind::InWallet),
        Ok(Wire::MiniProgram) => Some(ClientKind::MiniProgram),
        Ok(Wire::NativeApp) => Some(ClientKind::NativeApp),
        Ok(Wire::PointOfSale) => Some(ClientKind::PointOfSale),
        Ok(Wire::Unspecified) | Err(_) => None,
    };
    if read.is_none() {
        fields.wrong(format!("{at}.kind"), "must be one of the client kinds of the contract");
    }
    read
}

fn inside_wallet(
    fields: &mut Fields,
    at: &str,
    kind: Option<ClientKind>,
    wallet: &str,
) -> Option<Option<WalletName>> {
    let inside = match kind? {
        ClientKind::InWallet | ClientKind::MiniProgram => true,
        ClientKind::DesktopBrowser
        | ClientKind::MobileBrowser
        | ClientKind::NativeApp
        | ClientKind::PointOfSale => false,
    };
    let field = format!("{at}.inside_wallet");
    match (inside, wallet) {
        (false, "") => Some(None),
        (false, _) => {
            fields.wrong(field, "must be empty unless the client is inside a wallet");
            None
        }
        (true, wallet) => fields.keep(&field, WalletName::parse(wallet)).map(Some),
    }
}

/// An empty field is absent; the outer `None` says that it is wrong.
fn optional<T>(
    fields: &mut Fields,
    at: &str,
    field: &str,
    text: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Option<Option<T>> {
    match text {
        "" => Some(None),
        text => fields.keep(&format!("{at}.{field}"), read(text)).map(Some),
    }
}

/// A scanned code, as the contract takes it.
pub(super) fn payer_code(text: &str) -> Result<PayerCode, String> {
    let digits = (16..=24).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    PayerCode::parse(text).ok().filter(|_| digits).ok_or_else(|| "must be 16 to 24 digits".to_owned())
}

fn return_url(fields: &mut Fields, text: String) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    let parsed = url::Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none());
    let written_plainly = text.chars().all(|c| c.is_ascii_graphic());
    if parsed.is_none() || !written_plainly || text.len() > URL_CHARS_MAX {
        let rule = "must be an absolute http or https URL without a fragment, of at most 512 characters";
        fields.wrong("choice.return_url", rule);
        return None;
    }
    Some(Some(text))
}
