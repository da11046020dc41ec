//! The adapter against the Alipay mock, which another hand wrote from the same facts: every law of the rail kit.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::SignedDuration;
use paifang_conformance::rail::{ControlApi, Habits, Setup, World};
use paifang_mock_rails::clock::Clock;
use paifang_mock_rails::{MockRails, Options, alipay};
use paifang_payment::{PayerId, Presentation};
use paifang_rail::{
    Answer, Call, Context, Descriptor, Fetch, FileDigest, Finding, HttpReply, Identity, Inquiry, Keyring,
    Notification, NotificationError, Plan, PlanError, Rail, RawNotification, Reply, Secret, StatementError,
    StatementFile, StatementLine, StatementProof, StatementWish, Verdict, Verified,
};
use paifang_rail_alipay::{Alipay, Charset, Huabei, KeyMode, Protocol, Settings, certificate_serial};

/// One test of each law for this kind of account.
macro_rules! account {
    ($name:ident, $kind:expr) => {
        mod $name {
            use super::Kind;

            async fn world() -> paifang_conformance::rail::World {
                super::world($kind).await
            }

            paifang_conformance::rail_suite!(world);
        }
    };
}

account!(in_utf8, Kind::default());
account!(in_gbk, Kind { charset: paifang_rail_alipay::Charset::Gbk, ..Kind::default() });
account!(in_v3, Kind { protocol: paifang_rail_alipay::Protocol::V3, ..Kind::default() });
account!(with_certificates, Kind { key_mode: paifang_rail_alipay::KeyMode::Certificate, ..Kind::default() });
account!(
    with_certificates_in_v3,
    Kind {
        key_mode: paifang_rail_alipay::KeyMode::Certificate,
        protocol: paifang_rail_alipay::Protocol::V3,
        ..Kind::default()
    }
);
account!(encrypted, Kind { encrypted: true, ..Kind::default() });
account!(
    encrypted_in_v3,
    Kind { encrypted: true, protocol: paifang_rail_alipay::Protocol::V3, ..Kind::default() }
);

/// What differs between the accounts.
#[derive(Default, Clone, Copy)]
struct Kind {
    charset: Charset,
    protocol: Protocol,
    key_mode: KeyMode,
    encrypted: bool,
}

/// The mock's one merchant, in a world that stands at noon in Beijing.
async fn world(kind: Kind) -> World {
    let noon = "2026-12-01T12:00:00+08:00".parse().expect("a time");
    let options = Options { clock: Clock::standing_at(noon), ..Options::default() };
    let rails = MockRails::start_with(options).await.expect("free ports");
    let merchant = alipay::merchant();
    let settings = Settings {
        app_id: merchant.app_id.to_owned(),
        seller_id: merchant.seller_id.to_owned(),
        gateway: format!("{}/gateway.do", rails.url("alipay")),
        charset: kind.charset,
        protocol: kind.protocol,
        key_mode: kind.key_mode,
        app_auth_token: None,
        op_app_id: None,
        enable_pay_channels: Vec::new(),
        disable_pay_channels: Vec::new(),
        // One kind of account has the second wallet too.
        huabei: (kind.charset == Charset::Gbk).then_some(Huabei { instalments: 3, seller_percent: 0 }),
    };
    World::open(Setup {
        rail: Box::new(Ticking::new(Alipay::configure(settings).expect("settings"))),
        keys: keys(kind, None),
        // Another rail's key: it is a good one, and not Alipay's.
        strangers: keys(kind, Some(paifang_mock_rails::wechatpay::Merchant::of_vectors().public_key.1)),
        counterpart: Box::new(ControlApi::new(rails.control_url(), "alipay", rails)),
        habits: habits(),
    })
    .await
}

/// The world's clock stands still while v3 refuses a nonce that comes twice, and the nonce is made of the time: so each
/// request has a millisecond of its own. The kit plans each call twice.
struct Ticking {
    rail: Alipay,
    plans: AtomicI64,
}

impl Ticking {
    fn new(rail: Alipay) -> Self {
        Self { rail, plans: AtomicI64::new(0) }
    }

    fn tick(&self, plans: i64) -> SignedDuration {
        SignedDuration::from_millis(self.plans.fetch_add(plans, Ordering::Relaxed) / 2)
    }
}

impl Rail for Ticking {
    fn descriptor(&self) -> &'static Descriptor {
        self.rail.descriptor()
    }

    fn identity(&self) -> Identity {
        self.rail.identity()
    }

    fn plan(&self, call: &Call<'_>, cx: &Context<'_>) -> Result<Plan, PlanError> {
        self.rail.plan(call, &Context { now: cx.now + self.tick(1), ..*cx })
    }

    fn read(&self, call: &Call<'_>, reply: &Reply, cx: &Context<'_>) -> Answer {
        self.rail.read(call, reply, cx)
    }

    fn open_notification(
        &self,
        raw: &RawNotification<'_>,
        cx: &Context<'_>,
    ) -> Result<Verified<Notification>, NotificationError> {
        self.rail.open_notification(raw, cx)
    }

    fn acknowledge(&self, verdict: Verdict) -> HttpReply {
        self.rail.acknowledge(verdict)
    }

    fn plan_inquiry(&self, inquiry: &Inquiry<'_>, cx: &Context<'_>) -> Result<Fetch, PlanError> {
        self.rail.plan_inquiry(inquiry, &Context { now: cx.now + self.tick(2), ..*cx })
    }

    fn read_inquiry(&self, inquiry: &Inquiry<'_>, reply: &Reply, cx: &Context<'_>) -> Finding {
        self.rail.read_inquiry(inquiry, reply, cx)
    }

    fn read_statement(
        &self,
        wish: &StatementWish,
        file: &mut dyn StatementFile,
        digest: Option<&FileDigest>,
        cx: &Context<'_>,
        line: &mut dyn FnMut(StatementLine),
    ) -> Result<StatementProof, StatementError> {
        self.rail.read_statement(wish, file, digest, cx, line)
    }
}

/// The account's keys; with a stranger's key in the place of Alipay's.
fn keys(kind: Kind, stranger: Option<&str>) -> Keyring {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/vectors/alipay-vectors.json")).expect("vectors");
    let text = |path: &str| vectors.pointer(path).and_then(serde_json::Value::as_str).expect("a text");
    let mut ring = Keyring::builder()
        .signer(&Secret::new(alipay::merchant().private_key_pem.into()))
        .expect("the application's key");
    let mut own = alipay::merchant().rail_public_key_pem;
    if kind.key_mode == KeyMode::Certificate {
        ring = ring
            .naming(certificate_serial)
            .signer_certificate(text("/certificates/app_cert_pem"))
            .and_then(|ring| ring.root(text("/certificates/root_bundle_pem")))
            .expect("certificates");
        own = text("/certificates/alipay_cert_pem");
    }
    if kind.encrypted {
        ring = ring.content(&Secret::new(text("/aes/key_base64").into())).expect("the content key");
    }
    // A stranger's key stands under the name that messages give to Alipay's.
    let id =
        if kind.key_mode == KeyMode::Certificate { text("/certificates/alipay_cert_sn") } else { "alipay" };
    ring.verifier(Some(id), stranger.unwrap_or(own)).and_then(|ring| ring.build()).expect("good keys")
}

/// There is no trade until a payer comes, but for the one that `create` makes: until then, and for ever if nobody comes,
/// query and close answer ACQ.TRADE_NOT_EXIST. A closed trade cannot be closed, with the code that a paid one has.
fn habits() -> Habits {
    Habits {
        unseen: |presentation| if is_created(presentation) { "pending" } else { "absent" },
        seen: "pending",
        unseen_expired: |presentation| if is_created(presentation) { "closed" } else { "absent" },
        seen_expired: "closed",
        declined: "closed",
        close_unseen: "closed",
        close_again: "unknown MaybePaid",
        close_unknown: "absent",
        codes: &[
            ("charge", "ACQ.SYSTEM_ERROR", "unknown RailUnsure"),
            ("charge", "isp.unknow-error", "unknown RailUnsure"),
            ("charge", "isv.app-call-limited", "unknown RailUnsure"),
            ("charge", "isv.invalid-signature", "refused rail_configuration"),
            ("charge", "isv.insufficient-isv-permissions", "refused not_permitted"),
            ("charge", "ACQ.TRADE_HAS_SUCCESS", "unknown MaybePaid"),
            ("charge", "ACQ.TRADE_HAS_CLOSE", "unknown RailUnsure"),
            ("charge", "ACQ.BUYER_SELLER_EQUAL", "refused payer_mismatch"),
            ("charge", "ACQ.NO_SUCH_CODE", "unknown UnlistedCode"),
            ("query", "ACQ.SYSTEM_ERROR", "unknown RailUnsure"),
            ("query", "ACQ.TRADE_NOT_EXIST", "absent"),
            ("query", "isv.invalid-signature", "unknown RailUnsure"),
            ("close", "ACQ.SYSTEM_ERROR", "unknown RailUnsure"),
            ("refund", "ACQ.SYSTEM_ERROR", "unknown RailUnsure"),
            ("refund", "ACQ.SELLER_BALANCE_NOT_ENOUGH", "unknown RailUnsure"),
            ("refund", "ACQ.TRADE_HAS_FINISHED", "unknown Unconfirmed"),
            ("refund", "isv.insufficient-isv-permissions", "unknown RailUnsure"),
            ("refund_query", "ACQ.SYSTEM_ERROR", "unknown RailUnsure"),
            ("refund_query", "TRADE_NOT_EXIST", "absent"),
        ],
        payments_timed: true,
        late_money_stays: true,
        refunds_end_at_once: true,
        refund_failure: None,
        refunds_notified: true,
        payer: PayerId::parse("2088000000000042").ok(),
    }
}

fn is_created(presentation: Presentation) -> bool {
    matches!(presentation, Presentation::Jsapi | Presentation::MiniProgram)
}
