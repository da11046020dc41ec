//! Replies: what is concluded from one under a proof was signed as a whole by the rail.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use paifang_hostile::About;
use paifang_payment::{Digest, Evidence};
use paifang_rail::{Finding, Inquiry, Reply};

use super::messages::{cases, joined, signed_bytes, split};
use crate::bench::{Bench, text, vectors};
use crate::calls::{Calls, NAMES};

pub(super) fn alipay(input: &[u8]) {
    check("alipay", input);
}

pub(super) fn wechatpay(input: &[u8]) {
    check("wechatpay", input);
}

pub(super) fn unionpay(input: &[u8]) {
    check("unionpay", input);
}

pub(super) fn alipay_seeds() -> Vec<Vec<u8>> {
    seeds("alipay")
}

pub(super) fn wechatpay_seeds() -> Vec<Vec<u8>> {
    seeds("wechatpay")
}

pub(super) fn unionpay_seeds() -> Vec<Vec<u8>> {
    seeds("unionpay")
}

/// The first byte names the call and the account, the second the status.
fn check(rail: &str, input: &[u8]) {
    let [call, status, rest @ ..] = input else { return };
    let (headers, body) = split(rest);
    let account = ACCOUNTS[usize::from(call >> 6) % ACCOUNTS.len()];
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let reply = Reply { status, headers, body: body.to_vec() };
    let evidence = read(rail, account, NAMES[usize::from(call & 63) % NAMES.len()], &reply);
    if evidence.key_serial.is_some() {
        assert!(
            authentic(rail).contains(&signed_bytes(&evidence)),
            "believed, and never signed so: {:?}",
            evidence.rule
        );
    }
}

const ACCOUNTS: [&str; 4] = ["main", "certificates", "v3", "main"];
const STATUSES: [u16; 16] = [200, 202, 204, 400, 401, 403, 404, 405, 429, 500, 502, 503, 301, 201, 200, 200];

fn read(rail: &str, account: &str, call: &str, reply: &Reply) -> Evidence {
    static CALLS: OnceLock<[Calls; 3]> = OnceLock::new();
    let all = CALLS.get_or_init(|| ["alipay", "wechatpay", "unionpay"].map(Calls::of));
    let place = ["alipay", "wechatpay"].iter().position(|known| *known == rail).unwrap_or(2);
    let (bench, call) = (Bench::of(rail, account), all[place].named(call));
    let answer = bench.rail.read(&call, reply, &bench.context());
    answer.into_observation(call.verb(), Digest([0; 32])).evidence
}

fn authentic(rail: &str) -> &'static BTreeSet<[u8; 32]> {
    static ALL: [OnceLock<BTreeSet<[u8; 32]>>; 3] = [const { OnceLock::new() }; 3];
    let place = ["alipay", "wechatpay"].iter().position(|known| *known == rail).unwrap_or(2);
    ALL[place].get_or_init(|| {
        let mut digests = BTreeSet::new();
        for case in cases(rail) {
            let About::ReplyTo(_) = &case.about else { continue };
            // One status is a success at UnionPay; elsewhere errors are signed as well.
            let statuses = if rail == "unionpay" { &STATUSES[..1] } else { &STATUSES[..8] };
            let asked = NAMES.iter().flat_map(|call| statuses.iter().map(move |status| (call, *status)));
            let believed = asked.map(|(call, status)| {
                let reply = Reply { status, headers: case.headers.clone(), body: case.body() };
                read(rail, &case.account, call, &reply)
            });
            // A reply has one signed text, whichever question it answers.
            let mut believed = believed.filter(|evidence| evidence.key_serial.is_some());
            digests.extend(believed.next().as_ref().map(signed_bytes));
        }
        digests
    })
}

fn seeds(rail: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for case in cases(rail) {
        let About::ReplyTo(call) = &case.about else { continue };
        let call = NAMES.iter().position(|name| name == call).unwrap_or(2);
        let account = ACCOUNTS.iter().position(|known| *known == case.account).unwrap_or(0);
        let status = STATUSES.iter().position(|known| Some(*known) == case.status).unwrap_or(0);
        let first = [byte(account) << 6 | byte(call), byte(status)];
        all.push([&first, joined(&case.headers, &case.body()).as_slice()].concat());
    }
    all
}

fn byte(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

/// Keys that a rail hands out: only those of the vectors are ever taken.
pub(super) fn keys(input: &[u8]) {
    let (headers, body) = split(input);
    let reply = Reply { status: 200, headers, body: body.to_vec() };
    for rail in ["alipay", "wechatpay", "unionpay"] {
        let bench = Bench::of(rail, "certificates");
        let mut context = bench.context();
        if let Ok(at) = jiff::Timestamp::from_second(1_767_226_100) {
            context.now = at;
        }
        let found = bench.rail.read_inquiry(&Inquiry::Keys { unknown: None }, &reply, &context);
        if let Finding::Keys(keys) = found {
            let known = vectors(rail).to_string().replace("\\r", "").replace("\\n", "");
            for key in keys {
                let inside: String = key.pem.lines().filter(|line| !line.starts_with("-----")).collect();
                assert!(known.contains(&inside), "a key of nobody was taken");
            }
        }
    }
}

pub(super) fn keys_seeds() -> Vec<Vec<u8>> {
    let download = &vectors("wechatpay")["certificates_download"];
    let headers = download["headers"].as_object().cloned().unwrap_or_default();
    let headers: Vec<(String, String)> = headers
        .into_iter()
        .map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()))
        .collect();
    vec![joined(&headers, text("wechatpay", "/certificates_download/body").as_bytes())]
}
