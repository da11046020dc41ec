//! The rails that this binary knows: one line each. Nothing else outside of the adapters names a concrete rail.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use paifang_engine::Shares;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{AccountId, OrderNo, RailName};
use paifang_rail::{Call, CertificateRule, Context, Keyring, Naming, Order, PlanError, Rail};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::config::Problems;
use crate::rails::NotifyToken;

/// Every rail: a new one adds its line here and a function below that says how it is built.
const RAILS: &[(&str, Build)] = &[("alipay", alipay), ("wechatpay", wechatpay), ("unionpay", unionpay)];

type Build = fn(Table, &str, &mut Problems) -> Option<Built>;

/// An adapter with its settings, and what else must be known of them.
pub struct Built {
    /// The adapter.
    pub adapter: Arc<dyn Rail>,
    /// Where it sends to.
    pub endpoints: Vec<String>,
    /// The id of a plain public key that has none beside it.
    pub key_id: Option<String>,
    /// Whose certificates are taken from messages, on rails whose messages carry them.
    pub certificates: Option<CertificateRule>,
    /// How the rail names certificates, where that is not their serial number.
    pub naming: Option<Naming>,
}

/// A rail account as the config has it, ready to run.
pub struct RailAccount {
    /// Its name.
    pub id: AccountId,
    /// Its rail.
    pub rail: RailName,
    /// Whether new charges are taken.
    pub enabled: bool,
    /// What its notification URL ends with.
    pub token: NotifyToken,
    /// What the operator shares with it.
    pub shares: Shares,
    /// Its adapter.
    pub built: Built,
    /// Its keys.
    pub keys: Arc<Keyring>,
    /// The names of those of its keys that stand in the public test vectors.
    pub test_keys: Vec<String>,
}

fn alipay(settings: Table, path: &str, problems: &mut Problems) -> Option<Built> {
    use paifang_rail_alipay::{Alipay, Settings, certificate_serial};
    let settings: Settings = parsed(settings, path, problems)?;
    let endpoints = vec![settings.gateway.clone()];
    let adapter = configured(Alipay::configure(settings), path, problems)?;
    // In key mode its messages name no key; the name only shows in the evidence. In certificate mode they do.
    let key_id = Some("alipay".into());
    Some(Built { adapter, endpoints, key_id, certificates: None, naming: Some(certificate_serial) })
}

fn wechatpay(settings: Table, path: &str, problems: &mut Problems) -> Option<Built> {
    use paifang_rail_wechatpay::{Settings, WeChatPay};
    let settings: Settings = parsed(settings, path, problems)?;
    let (endpoints, key_id) = (vec![settings.endpoint.clone()], settings.public_key_id.clone());
    let adapter = configured(WeChatPay::configure(settings), path, problems)?;
    Some(Built { adapter, endpoints, key_id, certificates: None, naming: None })
}

fn unionpay(settings: Table, path: &str, problems: &mut Problems) -> Option<Built> {
    use paifang_rail_unionpay::{Settings, UnionPay};
    let settings: Settings = parsed(settings, path, problems)?;
    let endpoints = settings.endpoints();
    let adapter = problems.take(path, UnionPay::configure(settings))?;
    let certificates = Some(adapter.certificate_rule());
    Some(Built { adapter: Arc::new(adapter), endpoints, key_id: None, certificates, naming: None })
}

/// The names of all rails.
pub fn names() -> impl Iterator<Item = &'static str> {
    RAILS.iter().map(|(name, _)| *name)
}

/// Builds the adapter of a rail from its settings.
pub(crate) fn configure(rail: &str, settings: Table, path: &str, problems: &mut Problems) -> Option<Built> {
    let Some((_, build)) = RAILS.iter().find(|(name, _)| *name == rail) else {
        let known = names().collect::<Vec<_>>().join(", ");
        problems.add(format!("{path}.rail"), format!("is not known here; there are {known}"));
        return None;
    };
    build(settings, &format!("{path}.settings"), problems)
}

/// Plans a query of no order, so that a key that is missing is found at the start and not by the first payer.
pub(crate) fn probe(built: &Built, keys: &Keyring, path: &str, problems: &mut Problems) -> Option<()> {
    let descriptor = built.adapter.descriptor();
    let currency = descriptor.currencies.first().and_then(|code| Currency::parse(code).ok())?;
    let order = Order {
        kind: paifang_rail::OrderKind::Payment,

        order_no: OrderNo::parse("00000000").ok()?,
        amount: PositiveMoney::new(descriptor.amount_min, currency).ok()?,
        presentation: descriptor.offers.first()?.presentation,
        rail_ref: None,
        opened_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH,
    };
    let cx = Context {
        now: Timestamp::UNIX_EPOCH,
        nonce: "00000000000000000000000000000000",
        notify_url: "https://127.0.0.1/",
        return_url: "https://127.0.0.1/",
        keys,
    };
    match built.adapter.plan(&Call::Query(&order), &cx) {
        Ok(_) => Some(()),
        Err(error @ PlanError::MissingKey(_)) => {
            problems.add(format!("{path}.keys"), error.to_string());
            None
        }
        Err(error @ (PlanError::Unsupported(_) | PlanError::BadValue { .. } | PlanError::AdapterFailed)) => {
            problems.add(path, error.to_string());
            None
        }
    }
}

fn parsed<T: DeserializeOwned>(settings: Table, path: &str, problems: &mut Problems) -> Option<T> {
    crate::config::part(Value::Table(settings), path, problems)
}

fn configured<R: Rail>(
    adapter: Result<R, impl fmt::Display>,
    path: &str,
    problems: &mut Problems,
) -> Option<Arc<dyn Rail>> {
    let adapter = problems.take(path, adapter)?;
    Some(Arc::new(adapter))
}
