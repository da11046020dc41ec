//! Names derived from what the storefront gave: the same call gives the same order number, even after a restore.
//!
//! `order number = base32(HMAC-SHA256(K, parts))`, each part length-prefixed, cut to 30 characters, and a tag of two.
//! Upper-case letters and digits only, 32 in all: what every rail takes. K belongs to the deployment for ever.

use jiff::Timestamp;
use paifang_payment::attempt::{HoldTerms, Terms};
use paifang_payment::intent::Namer;
use paifang_payment::{
    AccountId, AttemptId, BulkEntryId, BulkId, Digest, OrderNo, PayerAlias, PayerId, RequestId, TenantId,
};
use paifang_policy::cohort::Pseudonym;
use paifang_store::Operation;
use ring::hmac;

/// Derives order numbers, nonces and fingerprints with the deployment's key.
#[derive(Clone)]
pub struct Names {
    key: hmac::Key,
}

/// Crockford's alphabet: no letter that is taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DERIVED_CHARS: usize = 30;

impl Names {
    /// Takes the deployment's key over.
    pub fn new(deployment_key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, deployment_key) }
    }

    /// The number of the order that a call of the storefront opens.
    pub fn order(
        &self,
        tenant: TenantId,
        account: &AccountId,
        by: Operation,
        request: &RequestId,
    ) -> OrderNo {
        let parts = [&tenant.to_string(), account.as_str(), by.as_str(), request.as_str(), "0"];
        self.number(&parts, "A0")
    }

    /// The number of the reverse of an order.
    pub fn reversal(&self, order: &OrderNo) -> OrderNo {
        self.number(&["reverse", order.as_str()], "V0")
    }

    /// The number of a capture of what an order holds; `n` counts the refused ones before it.
    pub fn capture(&self, order: &OrderNo, n: u32) -> OrderNo {
        self.number(&["capture", order.as_str(), &n.to_string()], &format!("C{}", n.min(9)))
    }

    /// The number of the release of what an order holds.
    pub fn release(&self, order: &OrderNo) -> OrderNo {
        self.number(&["release", order.as_str()], "D0")
    }

    /// The number of a refund that a call of the storefront opens.
    pub fn refund(&self, tenant: TenantId, account: &AccountId, request: &RequestId) -> OrderNo {
        self.number(&[&tenant.to_string(), account.as_str(), "refund", request.as_str(), "0"], "R0")
    }

    /// The request id under which the refund of an entry of a bulk is opened.
    pub fn bulk_request(&self, bulk: BulkId, entry: &BulkEntryId) -> RequestId {
        let number = self.number(&["bulk", &bulk.to_string(), entry.as_str()], "B0");
        RequestId::parse(&format!("bulk-{number}")).expect("37 visible ASCII characters")
    }

    /// The number of the automatic refund of late money: one per order.
    pub fn late_refund(&self, order: &OrderNo) -> OrderNo {
        self.number(&["late", order.as_str()], "L0")
    }

    /// 32 hex digits for the messages about this order or refund.
    pub fn nonce(&self, number: &OrderNo) -> String {
        let derived = self.derive(&["nonce", number.as_str()]);
        hex::encode(derived.as_ref().get(..16).unwrap_or_default())
    }

    /// A keyed fingerprint, so that a stored one tells nothing about a short request.
    pub fn fingerprint(&self, canonical: &[u8]) -> Digest {
        let tag = hmac::sign(&self.key, canonical);
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        Digest(digest)
    }

    /// The payer under a name that means nothing outside of this tenant and deployment; the same one for ever.
    pub fn pseudonym(&self, tenant: TenantId, payer: &PayerId) -> Pseudonym {
        let derived = self.derive(&["payer", &tenant.to_string(), payer.as_str()]);
        Pseudonym::parse(&hex::encode(derived.as_ref())).expect("64 hex digits")
    }

    /// The payer under a name for this counterparty and this tenant only: neither the rules' pseudonym nor another
    /// counterparty's name for the same payer can be told from it. The same one for ever.
    pub fn alias(&self, tenant: TenantId, account: &AccountId, payer: &PayerId) -> PayerAlias {
        let derived = self.derive(&["payer at", &tenant.to_string(), account.as_str(), payer.as_str()]);
        PayerAlias::parse(&hex::encode(derived.as_ref())).expect("64 hex digits")
    }

    /// Ten bytes for the id of what carries this number.
    pub fn id_entropy(&self, number: &OrderNo) -> [u8; 10] {
        let derived = self.derive(&["id", number.as_str()]);
        let mut bytes = [0; 10];
        bytes.copy_from_slice(derived.as_ref().get(..10).unwrap_or(&[0; 10]));
        bytes
    }

    fn number(&self, parts: &[&str], tag: &str) -> OrderNo {
        let text = base32(self.derive(parts).as_ref(), DERIVED_CHARS) + tag;
        OrderNo::parse(&text).expect("32 characters of the alphabet, which is letters and digits")
    }

    fn derive(&self, parts: &[&str]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign()
    }
}

impl Namer for Names {
    fn repeat(&self, of: &Terms, now: Timestamp) -> Terms {
        let n = of.n + 1;
        let order_no = self.number(&["repeat", of.order_no.as_str()], &format!("A{}", n.min(9)));
        Terms {
            id: AttemptId::from_parts(now, self.id_entropy(&order_no)),
            n,
            repeats: Some(of.id),
            reversal_no: self.reversal(&order_no),
            nonce: self.nonce(&order_no),
            hold: of.hold.clone().map(|hold| HoldTerms {
                capture_no: self.capture(&order_no, 0),
                release_no: self.release(&order_no),
                ..hold
            }),
            order_no,
            ..of.clone()
        }
    }

    fn capture_again(&self, of: &Terms, n: u32) -> OrderNo {
        self.capture(&of.order_no, n)
    }
}

fn base32(bytes: &[u8], chars: usize) -> String {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let digit = |index: usize| {
        (0..5).fold(0_usize, |value, offset| value << 1 | usize::from(bit(index * 5 + offset)))
    };
    (0..chars).filter_map(|index| ALPHABET.get(digit(index)).map(|byte| char::from(*byte))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(key: u8, account: &str, request: &str) -> String {
        let tenant = TenantId::from_parts(Timestamp::UNIX_EPOCH, [1; 10]);
        let names = Names::new(&[key; 32]);
        let (account, request) = (AccountId::parse(account).unwrap(), RequestId::parse(request).unwrap());
        names.order(tenant, &account, Operation::CreateIntent, &request).to_string()
    }

    /// F29: after a restore, the retried call has the same number, and the rail itself refuses a second charge.
    #[test]
    fn the_same_call_always_gives_the_same_number() {
        assert_eq!(order(7, "alipay-main", "order-1"), order(7, "alipay-main", "order-1"));
        assert_eq!(order(7, "alipay-main", "order-1").len(), 32);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let numbers = [order(7, "a", "bc"), order(7, "ab", "c"), order(8, "a", "bc"), order(7, "a", "b-c")];
        let distinct: std::collections::BTreeSet<_> = numbers.iter().collect();
        assert_eq!(distinct.len(), numbers.len());
    }

    /// Two counterparties, two storefronts, and the rules each know a payer by another name.
    #[test]
    fn a_payer_has_another_name_at_every_counterparty() {
        let tenant = |n| TenantId::from_parts(Timestamp::UNIX_EPOCH, [n; 10]);
        let account = |name| AccountId::parse(name).unwrap();
        let (names, payer) = (Names::new(&[7; 32]), PayerId::parse("canary-7281").unwrap());
        let aliases = [
            names.alias(tenant(1), &account("alipay-main"), &payer).as_str().to_owned(),
            names.alias(tenant(1), &account("alipay-other"), &payer).as_str().to_owned(),
            names.alias(tenant(2), &account("alipay-main"), &payer).as_str().to_owned(),
            names.pseudonym(tenant(1), &payer).as_str().to_owned(),
        ];
        let distinct: std::collections::BTreeSet<_> = aliases.iter().collect();
        assert_eq!(distinct.len(), aliases.len());
        assert_eq!(names.alias(tenant(1), &account("alipay-main"), &payer).as_str(), aliases[0]);
        assert!(aliases.iter().all(|alias| !alias.contains("canary")));
    }

    #[test]
    fn base32_is_that_of_crockford() {
        assert_eq!(base32(&[0xff, 0x00, 0xff, 0x00, 0xff], 8), "ZW0FY07Z");
    }
}
