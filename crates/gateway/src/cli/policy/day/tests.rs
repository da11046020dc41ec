use expect_test::expect;
use serde_json::json;

use super::*;

fn day() -> Day {
    Day::of("2024-09-20".parse().unwrap(), "+08:00").unwrap()
}

#[test]
fn a_day_is_of_a_stated_zone() {
    let at = |day: &Day| (day.begins.to_string(), day.ends.to_string());
    assert_eq!(at(&day()), ("2024-09-19T16:00:00Z".into(), "2024-09-20T16:00:00Z".into()));
    let west = Day::of("2024-09-20".parse().unwrap(), "-03:30").unwrap();
    assert_eq!(at(&west), ("2024-09-20T03:30:00Z".into(), "2024-09-21T03:30:00Z".into()));
    assert_eq!(west.clock(&json!("2024-09-20T03:30:00Z")), "00:00:00");
    for wrong in ["", "Beijing", "8", "+25:99"] {
        let refused = Day::of("2024-09-20".parse().unwrap(), wrong).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("--zone must be a distance from UTC such as +08:00"), "{wrong}");
    }
}

/// A day with something of everything.
fn full() -> Value {
    let step = |rule: &str, says: &str| json!({ "rule": rule, "says": says });
    let of_credit =
        |rule: &str, says: &str, credit: &str| json!({ "rule": rule, "says": says, "credit": credit });
    let tried = json!({
        "rule": "tried", "says": "accepted", "cohort": { "salt": "walls", "ppm": 52_500 },
        "merchants": ["m-1", "m-2"], "when": "product.category == 'books'",
        "from": "2024-09-12T00:00:00Z", "until": "2024-10-08T00:00:00Z",
    });
    let way = |wallet: &str, steps: Value, otherwise: Option<&str>| {
        let how = ["qr_shown", "app"];
        json!({ "wallet": wallet, "presentations": how, "steps": steps, "otherwise": otherwise })
    };
    let why = json!({
        "by": "guard_rail", "rule": "well", "measure": "success_rate", "window_s": 3600,
        "counts": { "hits": 6, "samples": 10 }, "measured": 600_000, "bound": { "min": 800_000 },
    });
    let span = |begins: &str, ends: &str, rolled_back: Value| {
        json!({
            "begins": begins, "ends": ends, "held": "by", "since": "2024-09-18T16:00:00Z", "note": "a try",
            "bundle": { "name": "walls", "version": 4, "digest": "00112233445566778899" },
            "rolled_back": rolled_back,
            "ways": [
                way("alipay", json!([of_credit("alipay", "accepted", "left_out")]), None),
                way("wechatpay", json!([tried, step("soon", "rolled_back")]), Some("closed")),
                way("huabei", json!([of_credit("huabei", "closed", "not_excludable")]), None),
                json!({ "wallet": "ecny", "presentations": ["app"], "steps": [step("ecny", "accepted")], "disabled": true }),
                json!({ "wallet": "panda", "presentations": [], "steps": [], "otherwise": "closed" }),
            ],
        })
    };
    let back = json!([{ "opening": "soon", "since": "2024-09-20T06:00:02Z", "why": why }]);
    json!({
        "tenant": "tn_1", "rules": "walls", "payments": 3, "beyond_counts": 2, "more_spans": true,
        "more_changes": true,
        "spans": [
            { "begins": "2024-09-19T16:00:00Z", "ends": "2024-09-20T06:00:02Z", "held": "unruled" },
            span("2024-09-20T06:00:02Z", "2024-09-20T10:00:00Z", back),
            { "begins": "2024-09-20T10:00:00Z", "ends": "2024-09-20T16:00:00Z", "held": "nothing" },
        ],
        "changes": [
            { "position": 1, "request_id": "d-1", "fact": {
                "kind": "drafted", "at": "2024-09-20T01:00:00Z", "bundle": { "version": 4 } } },
            { "position": 2, "request_id": "a-1", "fact": {
                "kind": "announced", "at": "2024-09-20T01:00:01Z", "version": 4,
                "effective_at": "2024-09-20T06:00:02Z" } },
            { "position": 3, "request_id": null, "fact": {
                "kind": "rolled_back", "at": "2024-09-20T06:00:02Z", "opening": "soon", "why": why } },
            { "position": 4, "request_id": "o-1", "fact": {
                "kind": "reopened", "at": "2024-09-20T07:00:00Z", "opening": "soon", "by": "li.lei: \u{7}well" } },
        ],
        "counts": [{
            "wallet": "alipay", "presentation": "qr_shown", "version": 4, "rule": "alipay",
            "because": "opening_fits", "shown": 3, "accepted": 3, "refused": 0, "chosen": 2, "paid": 1, "failed": 1,
        }],
    })
}

#[test]
fn a_day_reads_as_tables() {
    expect![[r#"
        Who could pay with what on 2024-09-20 (+08:00), tn_1
        by the rules walls; times are of +08:00

        What was changed on that day
          09:00:00  #1 version 4 was written, by call d-1
          09:00:01  #2 version 4 was announced from 2024-09-20 14:00:02 on, by call a-1
          14:00:02  #3 soon was rolled back (guard rail well: success rate 6 of 10 in 1h, 60 %, at least 80 %), by itself
          15:00:00  #4 soon was opened again (li.lei: ?well), by call o-1
          and more; ListPolicyChanges has all

        00:00:00 to 14:00:02: no rules yet; everything that worked was open

        14:00:02 to 18:00:00: version 4, "a try"
          since 2024-09-19 00:00:00, digest 0011223344556677
          rolled back since 2024-09-20 14:00:02: soon (guard rail well: success rate 6 of 10 in 1h, 60 %, at least 80 %)
          wallet                   rule                   for whom
          alipay       accepted    alipay                 everybody (not on credit)
                       as qr_shown, app
          wechatpay    accepted    tried                  5.25 % of the payers (draw walls), of merchants m-1, m-2, where product.category == 'books', from 2024-09-12 08:00:00 on, before 2024-10-08 08:00:00
                       rolled back soon                   everybody
                       closed      -                      everybody else
                       as qr_shown, app
          huabei       closed      huabei                 everybody (credit is to be left out, and no order can)
                       as qr_shown, app
          ecny         disabled    -                      everybody, by the config as it is now; the rules alone say:
                       accepted    ecny                   everybody
                       as app
          panda        closed      -                      everybody
                       as configured nowhere

        18:00:00 to 24:00:00: nothing decided any more; everything was closed

        and more; ListPolicySpans has all

        What was decided about the 3 payments that were let in on that day
          wallet       as           version rule                   because           shown accepted refused chosen  paid failed
          alipay       qr_shown           4 alipay                 opening fits          3        3       0      2     1      1
          and 2 decisions of further lines
          a choice that was refused opened no payment and is not counted
    "#]].assert_eq(&day().table(&full()));
}

#[test]
fn a_storefront_without_rules_is_told_so() {
    let span = json!({ "begins": "2024-09-19T16:00:00Z", "ends": "2024-09-20T16:00:00Z", "held": "unruled" });
    let told = json!({ "tenant": "tn_1", "rules": null, "spans": [span], "payments": 0 });
    let table = day().table(&told);
    assert!(table.contains("there are no rules: everything that works is open"), "{table}");
    assert!(table.contains("00:00:00 to 24:00:00: no rules yet"), "{table}");
}

#[test]
fn a_day_that_is_not_over_is_told_so() {
    let span = json!({ "begins": "2024-09-19T16:00:00Z", "ends": "2024-09-20T16:00:00Z", "held": "unruled" });
    let told = |is_over: bool| {
        json!({ "tenant": "tn_1", "rules": null, "spans": [span], "payments": 0, "is_over": is_over,
            "asked_at": "2024-09-20T04:00:00Z" })
    };
    let table = day().table(&told(false));
    assert!(table.contains("THE DAY IS NOT OVER: asked at 12:00:00; "), "{table}");
    assert!(!day().table(&told(true)).contains("NOT OVER"));
}
