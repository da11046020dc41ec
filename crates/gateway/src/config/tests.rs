//! Configs that are right, and everything that is told about those that are not.

use super::*;
use crate::testing::{Keys, TOKEN};

const LOOPBACK: &str = "http://127.0.0.1:1";

fn rails() -> String {
    Keys::rails(LOOPBACK, LOOPBACK, LOOPBACK)
}

/// All problems of a config, one per line.
fn check(text: &str, expected: &str) {
    let told = Keys::new().parse(text).map(|_| ()).unwrap_err().to_string();
    assert_eq!(told, expected.trim(), "for\n{text}");
}

#[test]
fn three_rails_on_loopback_are_ready_to_start() {
    let config = Keys::new().parse(&rails()).unwrap();
    let accounts: Vec<_> =
        config.accounts.iter().map(|account| (account.id.as_str(), account.test_keys.len())).collect();
    assert_eq!(accounts, [("alipay-main", 2), ("wechatpay-main", 4), ("unionpay-main", 4)]);
    assert_eq!(config.public_url, None);
    assert_eq!(config.limits.lease_s, 30);
}

/// S18 and S20: what takes effect is shown in full, and no secret is in it.
#[test]
fn the_effective_config_is_a_config_and_shows_no_secret() {
    let keys = Keys::new();
    let config =
        keys.parse(&format!("{}\n[http]\npublic_url = \"http://localhost:7480/x/\"\n", rails())).unwrap();
    let shown = config.effective();
    for secret in [TOKEN, "PRIVATE", "TEST-ONLY", "BEGIN"] {
        assert!(!shown.contains(secret), "{secret} in\n{shown}");
    }
    assert!(shown.contains("lease_s = 30"), "{shown}");
    let again = keys.parse(shown).unwrap();
    assert_eq!(again.effective(), shown);
    assert_eq!(again.public_url.as_deref(), Some("http://localhost:7480/x"));
}

#[test]
fn slips_in_every_section_are_told_at_once_with_their_paths() {
    check(
        r#"
        [stroe]
        path = "x"
        [grpc]
        lisen = "127.0.0.1:1"
        [http]
        listen = 7480
        [limits]
        lane_width = -1
        [log]
        format = "xml"
        [[rail]]
        id = "no-token"
        rail = "alipay"
        [[rail]]
        id = "UPPER"
        rail = "paypal"
        notify_token = { file = "alipay.token" }
        "#,
        r#"
grpc.lisen: unknown field `lisen`, expected one of `listen`, `insecure`, `tls`
http.listen: invalid type: integer `7480`, expected socket address
limits.lane_width: invalid value: integer `-1`, expected u32
log.format: unknown variant `xml`, expected `text` or `json`
rail[0]: missing field `notify_token`
stroe: is not a section; there are store, grpc, http, ops, clock, limits, log, outbound and rail
rail[0].id: rail account must be 1 to 32 of a-z, 0-9, _ and -
rail[0].rail: is not known here; there are alipay, wechatpay, unionpay
"#,
    );
}

/// A secret that was written into the file by mistake is not repeated in what is told about it.
#[test]
fn a_secret_in_plain_sight_is_refused_and_not_repeated() {
    let reference =
        "must say where the secret is: { file = \"...\" } or { env = \"NAME\" }, not the secret itself";
    for wrong in
        ["\"CANARY\"", "{ fiel = \"CANARY\" }", "{ file = \"CANARY\", env = \"B\" }", "[]", "{ file = 1 }"]
    {
        let text = format!("[[rail]]\nid = \"a\"\nrail = \"alipay\"\nnotify_token = {wrong}\n");
        check(&text, &format!("rail[0].notify_token: {reference}"));
        let text = rails().replacen("{ file = \"alipay-app.pem\" }", wrong, 1);
        let expected = match wrong {
            // An empty list of keys is a list.
            "[]" => "rail[0].keys.app_private_key: is missing: The application's private key (RSA2), which signs requests\nrail[0].keys: key the signing key is not configured for this rail account".to_owned(),
            _ => format!("rail[0].keys.app_private_key: {reference}"),
        };
        let told = Keys::new().parse(&text).map(|_| ()).unwrap_err().to_string();
        assert!(told.starts_with(expected.split('\n').next().unwrap()), "{told}");
        assert!(!told.contains("CANARY"), "{told}");
    }
    let broken = "[store]\npath = \"CANARY\n";
    let told = Keys::new().parse(broken).map(|_| ()).unwrap_err().to_string();
    assert!(told.starts_with("line 2 is no TOML: ") && !told.contains("CANARY"), "{told}");
}

#[test]
fn references_that_lead_nowhere_and_bad_tokens_are_named() {
    let keys = Keys::new();
    std::fs::write(keys.0.path().join("short"), "abc").unwrap();
    std::fs::write(keys.0.path().join("empty"), "\n").unwrap();
    std::fs::write(keys.0.path().join("slash"), "0123456789/0123456789/0123456789").unwrap();
    let token = |reference: &str| {
        let text = rails().replacen("{ file = \"alipay.token\" }", reference, 1);
        keys.parse(&text).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(token("{ file = \"empty\" }"), "rail[0].notify_token: is empty");
    let form = "rail[0].notify_token: must be 22 to 128 letters, digits, - and _, drawn at random";
    assert_eq!(token("{ file = \"short\" }"), form);
    assert_eq!(token("{ file = \"slash\" }"), form);
    let unset = "rail[0].notify_token: the environment variable PAIFANG_NO_SUCH_VARIABLE is not set";
    assert_eq!(token("{ env = \"PAIFANG_NO_SUCH_VARIABLE\" }"), unset);
    assert!(token("{ file = \"gone\" }").contains("gone cannot be read"));
}

#[test]
fn keys_are_held_to_what_the_rail_asks_for() {
    let refused = |from: &str, to: &str, expected: &str| {
        let text = rails().replacen(from, to, 1);
        assert_ne!(text, rails(), "nothing was replaced");
        check(&text, expected);
    };
    refused(
        "alipay_public_key = { file",
        "alipay_key = { file",
        "rail[0].keys.alipay_key: is no key of this rail; there are app_private_key, alipay_public_key, content_key\n\
         rail[0].keys.alipay_public_key: is missing: Alipay's public key for this application, from the console: not the \
         application's own; two while it is changed",
    );
    refused(
        "{ file = \"alipay-app.pem\" }",
        "{ file = \"alipay-public.pem\" }",
        "rail[0].keys.app_private_key: signing key: must be an RSA private key of 2048 bits or more: PEM or base64, \
         PKCS#8 or PKCS#1",
    );
    // This rail hands out its keys, so none of them has to be configured.
    Keys::new()
        .parse(&rails().replacen("wechatpay_public_key = { file = \"wechatpay-public.pem\" }", "", 1))
        .unwrap();
    refused(
        "{ file = \"apiclient_key.pem\" }",
        "[{ file = \"apiclient_key.pem\" }, { file = \"apiclient_key.pem\" }]",
        "rail[1].keys.merchant_private_key: there can be at most 1",
    );
    refused(
        "app_private_key = { file = \"alipay-app.pem\" }",
        "app_private_key = { file = \"alipay-app.pem\", id = \"x\" }",
        "rail[0].keys.app_private_key: has an id, which only a public key of the rail can have",
    );
}

/// Found at the start, and not by the first payer: neither a certificate nor a serial is configured.
#[test]
fn a_key_that_only_the_adapter_misses_is_found_at_the_start() {
    let text = rails().replacen("merchant_certificate = { file = \"apiclient_cert.pem\" }", "", 1);
    check(&text, "rail[1].keys: key merchant_certificate is not configured for this rail account");
}

#[test]
fn settings_are_those_of_the_adapter() {
    let refused = |from: &str, to: &str, expected: &str| check(&rails().replacen(from, to, 1), expected);
    refused(
        "app_id = \"9021000000000001\"",
        "app_id = \"1\"",
        "rail[0].settings: app_id must be the application's 16 digits",
    );
    refused(
        "mchid = ",
        "mchidd = ",
        "rail[1].settings.mchidd: unknown field `mchidd`, expected one of `mchid`, `appid`, `endpoint`, \
         `merchant_serial`, `public_key_id`, `store_id`, `store_out_id`, `h5_returns`, `refund_funds_account`, \
         `refund_from`",
    );
    check(
        &format!("{}{}", rails(), rails()).replace("alipay-main", "a").replacen("\"a\"", "\"b\"", 1),
        TWICE,
    );
}

const TWICE: &str = "rail[4].id: another account has this id\nrail[5].id: another account has this id";

/// I16: a lease outlasts the call that it was taken for.
#[test]
fn i16_limits_that_would_let_two_workers_make_one_call_are_refused() {
    let rule = "limits.lease_s: must be at least rail_queue_ms + rail_deadline_ms + 5000 ms, so that nobody takes over \
                a call that still runs";
    check("[limits]\nrail_deadline_ms = 25000\n", rule);
    check("[limits]\nrail_queue_ms = 4294967295\n", rule);
    check(
        "[limits]\nlane_width = 0\nintent_life_s = 90000\n",
        "limits.lane_width: must be more than 0\nlimits.intent_life_s: must not be more than intent_life_max_s",
    );
}

#[test]
fn plain_text_beyond_this_machine_needs_a_word() {
    let rule = "grpc.listen: API keys would cross the network in plain text: give it tls, or insecure = true behind a \
                proxy";
    check("[grpc]\nlisten = \"0.0.0.0:7443\"\n", rule);
    assert!(Keys::new().parse("[grpc]\nlisten = \"0.0.0.0:7443\"\ninsecure = true\n").is_ok());
    assert!(Keys::new().parse("[grpc]\nlisten = \"[::1]:7443\"\n").is_ok());
    let url = "http.public_url: must be an https URL (http only to this machine) without a query, a fragment or a user";
    for wrong in
        ["http://pay.example.com", "https://u@pay.example.com", "https://pay.example.com/?a=b", "ftp://x/"]
    {
        check(&format!("[http]\npublic_url = \"{wrong}\"\n"), url);
    }
}

/// The public test keys stay on this machine: whoever has the source could sign for the rail.
#[test]
fn test_keys_are_refused_as_soon_as_anything_is_beyond_this_machine() {
    let one = rails().split("[[rail]]").take(2).collect::<Vec<_>>().join("[[rail]]");
    let refusal = |reach: &str| {
        let line = |key| {
            format!(
                "rail[0].keys.{key}: is a key of the public test vectors, and {reach} is beyond this machine: use your own key"
            )
        };
        format!("{}\n{}", line("app_private_key"), line("alipay_public_key"))
    };
    let with = |section: &str| format!("{section}\n{one}");
    check(&with("[http]\npublic_url = \"https://pay.example.com\""), &refusal("http.public_url"));
    check(&with("[grpc]\nlisten = \"0.0.0.0:1\"\ninsecure = true"), &refusal("grpc.listen"));
    check(&with("[ops]\nlisten = \"0.0.0.0:1\""), &refusal("ops.listen"));
    let listening = with("[http]\nlisten = \"[::]:1\"\npublic_url = \"http://localhost\"");
    check(&listening, &refusal("http.listen"));
    check(&one.replace(LOOPBACK, "https://openapi.alipay.com"), &refusal("an endpoint of its rail"));
    let no_endpoint = one.replace(&format!(", gateway = \"{LOOPBACK}/gateway.do\""), "");
    assert_ne!(no_endpoint, one);
    check(&no_endpoint, &refusal("an endpoint of its rail"));
}

/// A clock that may be set is for mock rails only.
#[test]
fn a_clock_that_runs_ahead_is_refused_as_soon_as_anything_is_beyond_this_machine() {
    let one = rails().split("[[rail]]").take(2).collect::<Vec<_>>().join("[[rail]]");
    let text = format!("[clock]\nahead_file = \"ahead\"\n{one}");
    let config = Keys::new().parse(&text).unwrap();
    assert!(config.clock_ahead.unwrap().ends_with("ahead"));
    let far = text.replace(LOOPBACK, "https://openapi.alipay.com");
    let told = Keys::new().parse(&far).map(|_| ()).unwrap_err().to_string();
    let rule = "clock.ahead_file: is for mock rails on this machine, and an endpoint of rail[0] is beyond it";
    assert!(told.contains(rule), "{told}");
    let open = "[ops]\nlisten = \"0.0.0.0:1\"\n[clock]\nahead_file = \"ahead\"";
    check(open, "clock.ahead_file: is for mock rails on this machine, and ops.listen is beyond it");
}

/// The configs of `docs/real-rails.md` are read as they stand; all that is wrong with them here is that the keys beside
/// them are the test keys.
#[test]
fn the_documented_configs_are_right() {
    let keys = Keys::new();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(keys.0.path().join("grpc.pem"), made.cert.pem()).unwrap();
    std::fs::write(keys.0.path().join("grpc.key"), made.signing_key.serialize_pem()).unwrap();
    let page = include_str!("../../../../docs/real-rails.md");
    let fences: Vec<&str> =
        page.split("```toml").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(fences.len(), 5);
    let text = fences.concat().replace("/etc/paifang/", "");
    let told = keys.parse(&text).map(|_| ()).unwrap_err();
    for problem in told.problems() {
        assert!(problem.rule.contains("key of the public test vectors"), "{told}");
    }
    assert_eq!(told.problems().len(), 14);
}

#[test]
fn a_tls_key_must_fit_its_certificate() {
    let keys = Keys::new();
    for name in ["one", "two"] {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(keys.0.path().join(format!("{name}.pem")), made.cert.pem()).unwrap();
        std::fs::write(keys.0.path().join(format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    }
    let with = |certificate: &str, key: &str| {
        let tls = format!("tls = {{ certificate = \"{certificate}\", key = {{ file = \"{key}\" }} }}");
        keys.parse(&format!("[grpc]\nlisten = \"0.0.0.0:1\"\n{tls}\n[http]\n{tls}\n")).map(|_| ())
    };
    assert_eq!(with("one.pem", "one.key"), Ok(()));
    let told = with("one.pem", "two.key").unwrap_err().to_string();
    assert!(told.starts_with("grpc.tls: ") && told.contains("\nhttp.tls: "), "{told}");
    let told = with("one.key", "one.pem").unwrap_err().to_string();
    assert!(told.contains("grpc.tls.certificate: must be a PEM file of certificates"), "{told}");
    let told = with("gone.pem", "one.key").unwrap_err().to_string();
    assert!(told.contains("grpc.tls.certificate: the file"), "{told}");
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_path() {
    let told = Config::load(Path::new("/no/such/paifang.toml")).unwrap_err().to_string();
    assert!(told.starts_with("/no/such/paifang.toml: "), "{told}");
}

/// A store is a file or a database, and a database's password is never in the config or in what is shown of it (S18).
#[test]
fn the_store_is_a_file_or_a_database() {
    let keys = Keys::new();
    std::fs::write(keys.0.path().join("db.password"), "CANARY\n").unwrap();
    let store = |text: &str| keys.parse(text).map(|config| config.store);
    assert_eq!(store("").unwrap().to_string(), keys.0.path().join("paifang.db").display().to_string());
    let text = "[store]\nurl = \"postgres://gate@db.example/pay\"\npassword = { file = \"db.password\" }\nconnections = 4";
    let StoreAt::Database { address, connections } = store(text).unwrap() else { panic!("no database") };
    assert!(address.has_password() && address.is_encrypted());
    assert_eq!((connections, address.to_string().as_str()), (4, "postgres://gate@db.example/pay"));
    assert!(!format!("{address:?} {:?}", keys.parse(text).unwrap()).contains("CANARY"));
    let weak =
        store("[store]\nurl = \"postgres://gate@db.example/pay?sslmode=prefer\"").unwrap_err().to_string();
    assert!(weak.contains("store.url: sslmode=prefer does not prove who answers"), "{weak}");
    let plain = store("[store]\nurl = \"postgres://gate:CANARY@localhost/pay\"").unwrap_err().to_string();
    assert!(
        plain.contains("store.url: holds a password in plain sight") && !plain.contains("CANARY"),
        "{plain}"
    );
    check(
        "[store]\npath = \"x\"\nurl = \"postgres://gate@localhost/pay\"\nconnections = 0",
        "store: has a path and a url: the store is a file or a database\nstore.connections: must be 1 to 1000",
    );
}

/// What the command line says goes before the file, whichever of the two it names.
#[test]
fn the_command_line_names_another_store() {
    let keys = Keys::new();
    let file = keys.0.path().join("paifang.toml");
    std::fs::write(&file, "[store]\npath = \"a.db\"\n").unwrap();
    let other = Config::load_with(&file, Some("postgres://gate@localhost/pay")).unwrap();
    assert!(matches!(other.store, StoreAt::Database { .. }), "{}", other.store);
    assert!(other.effective().contains("url = \"postgres://gate@localhost/pay\""), "{}", other.effective());
    std::fs::write(&file, "[store]\nurl = \"postgres://gate@localhost/pay\"\n").unwrap();
    let other = Config::load_with(&file, Some("b.db")).unwrap();
    assert!(matches!(&other.store, StoreAt::File(path) if path.ends_with("b.db")), "{}", other.store);
}

/// Fail closed: a list that names what is not there, not for rails, or not for this account is not started with.
#[test]
fn lists_of_what_is_shared_are_checked_with_their_places() {
    let share = |list: &str| {
        rails().replace("rail = \"unionpay\"", &format!("rail = \"unionpay\"\nshare = [{list}]"))
    };
    let uses = "unionpay uses client_context.payer_code,payment_intent.description";
    for (list, expected) in [
        (
            "\"client_context.shoe_size\"",
            "[0]: is no field of the contract; `paifang boundary --fields` lists them".to_owned(),
        ),
        ("\"payment_intent.metadata\"", "[0]: is not for rails: the contract does not mark it so".to_owned()),
        (
            "\"attempt.payable_amount\"",
            "[0]: is a term of the order, which every message has: leave it out of the list".to_owned(),
        ),
        (
            "\"payment_intent.description\", \"client_context.payer_ip\"",
            format!("[1]: cannot be shared here: {uses}"),
        ),
        (
            "\"payment_intent.description\", \"payment_intent.description\"",
            "[1]: stands there twice".to_owned(),
        ),
    ] {
        check(&share(list), &format!("rail[2].share{expected}"));
    }
    let tenant = |id: &str, list: &str| format!("\n[[rail.tenant]]\nid = \"{id}\"\nshare = [{list}]\n");
    let known = "tn_0123456789abcdef0123456789abcdef";
    let code = "\"client_context.payer_code\"";
    let less = share("\"payment_intent.description\"") + &tenant(known, code);
    check(
        &less,
        "rail[2].tenant[0].share[0]: cannot be shared here: the account may be told payment_intent.description",
    );
    let twice = rails() + &tenant(known, "") + &tenant(known, code);
    check(&twice, "rail[2].tenant[1].id: has a list already");
    let nobody = rails() + &tenant("shop", "");
    let told = Keys::new().parse(&nobody).map(|_| ()).unwrap_err().to_string();
    assert!(told.starts_with("rail[2].tenant[0].id: "), "{told}");
    let sort = rails() + "\n[[rail.tenant]]\nid = \"x\"\n";
    let told = Keys::new().parse(&sort).map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("rail[2].tenant[0]: missing field `share`"), "{told}");
}

#[test]
fn what_is_shared_takes_effect_and_is_shown() {
    use paifang_boundary::Field;
    let list = "share = [\"client_context.payer_id\", \"payment_intent.description\"]";
    let text = rails().replace("rail = \"alipay\"", &format!("rail = \"alipay\"\n{list}"));
    let known = "tn_0123456789abcdef0123456789abcdef";
    let own = format!("\n[[rail.tenant]]\nid = \"{known}\"\nshare = [\"client_context.payer_code\"]\n");
    let config = Keys::new().parse(&(text + &own)).unwrap();
    let tenant = paifang_payment::TenantId::parse(known).unwrap();
    let [alipay, wechatpay, unionpay] = &config.accounts[..] else { panic!("three accounts") };
    let told = |account: &crate::registry::RailAccount, field| account.shares.with(tenant).contains(field);
    assert!(told(alipay, Field::ClientContextPayerId) && !told(alipay, Field::ClientContextPayerIp));
    assert!(told(wechatpay, Field::ClientContextPayerIp), "without a list all that the adapter uses");
    assert!(
        told(unionpay, Field::ClientContextPayerCode) && !told(unionpay, Field::PaymentIntentDescription)
    );
    let again = Keys::new().parse(config.effective()).unwrap();
    assert_eq!(again.effective(), config.effective());
}
