//! Page tokens and cursors: opaque, and bound to the tenant and the list that made them.
//!
//! A token is `tag || payload xor pad`. The tag is a keyed fingerprint of scope and payload, the pad one of scope and tag,
//! so equal positions give equal tokens, no other token opens, and nobody reads a position from one: positions count the
//! commits of all tenants, which is nobody's business (I10).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use paifang_engine::Names;
use paifang_payment::TenantId;

const TAG_BYTES: usize = 16;

/// Longest payload: an account's name and a currency.
const PAYLOAD_BYTES_MAX: usize = 192;

/// What a token is good for: one list of one tenant with one filter.
pub(crate) struct Scope<'a> {
    names: &'a Names,
    bound: Vec<u8>,
}

impl<'a> Scope<'a> {
    /// `list` names the list, `filter` what it was narrowed to.
    pub fn new(names: &'a Names, tenant: TenantId, list: &str, filter: &str) -> Self {
        let mut bound = b"token".to_vec();
        for part in [list, &tenant.to_string(), filter] {
            bound.extend((part.len() as u64).to_be_bytes());
            bound.extend(part.as_bytes());
        }
        Self { names, bound }
    }

    /// Makes the token of a position.
    pub fn seal(&self, payload: &[u8]) -> String {
        let tag = self.tag(payload);
        let mut token = tag.to_vec();
        token.extend(self.masked(&tag, payload));
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The position of a token; `None` for every text that [`Scope::seal`] did not make here.
    pub fn open(&self, token: &str) -> Option<Vec<u8>> {
        if token.len() > (TAG_BYTES + PAYLOAD_BYTES_MAX) * 2 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (tag, masked) = bytes.split_at_checked(TAG_BYTES)?;
        let payload = self.masked(tag, masked);
        let differing =
            self.tag(&payload).iter().zip(tag).fold(0, |sum, (ours, theirs)| sum | (ours ^ theirs));
        (differing == 0).then_some(payload)
    }

    fn tag(&self, payload: &[u8]) -> [u8; TAG_BYTES] {
        let digest = self.names.fingerprint(&[self.bound.as_slice(), b"tag", payload].concat());
        let mut tag = [0; TAG_BYTES];
        tag.iter_mut().zip(digest.0).for_each(|(to, from)| *to = from);
        tag
    }

    fn masked(&self, tag: &[u8], bytes: &[u8]) -> Vec<u8> {
        let block = |n: u64| {
            self.names.fingerprint(&[self.bound.as_slice(), b"pad", tag, &n.to_be_bytes()].concat()).0
        };
        bytes.iter().zip((0..).flat_map(block)).map(|(byte, pad)| byte ^ pad).collect()
    }
}

/// A position as a payload.
pub(crate) fn position(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(n: u8) -> TenantId {
        TenantId::from_parts(jiff::Timestamp::UNIX_EPOCH, [n; 10])
    }

    #[test]
    fn a_token_opens_only_where_it_was_made() {
        let names = Names::new(&[1; 32]);
        let token = Scope::new(&names, tenant(1), "intents", "paid").seal(b"pi_1");
        let open = |names: &Names, n, list: &str, filter: &str| {
            Scope::new(names, tenant(n), list, filter).open(&token).is_some()
        };
        assert!(open(&names, 1, "intents", "paid"));
        assert!(!open(&names, 2, "intents", "paid"));
        assert!(!open(&names, 1, "refunds", "paid"));
        assert!(!open(&names, 1, "intents", ""));
        assert!(!open(&Names::new(&[2; 32]), 1, "intents", "paid"));
    }

    #[test]
    fn no_changed_token_opens_and_none_shows_its_position() {
        let names = Names::new(&[1; 32]);
        let scope = Scope::new(&names, tenant(1), "events", "");
        let token = scope.seal(&7_u64.to_be_bytes());
        assert_eq!(scope.open(&token).as_deref().and_then(position), Some(7));
        assert!(token.len() <= 64, "the contract's limit of a cursor");
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        assert!(!bytes.windows(8).any(|window| window == 7_u64.to_be_bytes()));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(scope.open(&URL_SAFE_NO_PAD.encode(changed)), None);
        }
        for text in ["", "AA", "%%", &"A".repeat(10_000)] {
            assert_eq!(scope.open(text), None);
        }
    }

    #[test]
    fn the_longest_payload_survives() {
        let names = Names::new(&[1; 32]);
        let scope = Scope::new(&names, tenant(1), "accounts", "");
        let payload = [b'x'; PAYLOAD_BYTES_MAX];
        assert_eq!(scope.open(&scope.seal(&payload)).as_deref(), Some(&payload[..]));
    }
}
