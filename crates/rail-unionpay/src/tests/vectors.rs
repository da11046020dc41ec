//! That no vector is left out: each one of each group is read or made somewhere, or stands here with its reason.

use std::collections::BTreeSet;

use super::*;

/// Where each is checked.
const COVERED: &[(&str, &str)] = &[
    // requests.rs, holds.rs, files.rs and certificate.rs.
    (
        "requests",
        "front_consume app_consume_tn query refund_partial consume_undo qr_apply qr_barcode_consume file_download \
         enc_cert_query preauth",
    ),
    // replies.rs, holds.rs and files.rs.
    (
        "responses",
        "query_success query_pending query_failed query_not_found app_tn refund_accepted undo_accepted qr_applied \
         barcode_accepted refund_refused_original duplicate_order nested_value old_test_cn server_busy file_ok \
         file_missing",
    ),
    // notices.rs.
    ("notifications", "pay_success refund_success defective_success"),
    // replies.rs and notices.rs.
    (
        "negatives",
        "amount_changed pem_lf field_added cert_swapped wrong_cn expired_cert untrusted_root single_hash upper_hex",
    ),
    // reading.rs.
    ("parser", "plain equals_in_value braces brackets wrapped empty_value newlines"),
];

/// What an adapter of 5.1.0 with certificates, in UTF-8, does not say.
const NOT_OURS: &[(&str, &str, &str)] = &[
    ("requests", "gbk_refund", "messages are in UTF-8; only files are GBK"),
    ("requests", "consume_5_0_0", "5.0.0 signs SHA-1, which authenticates nothing here"),
    ("keyed_requests", "query_signmethod_11", "accounts have certificates, not shared keys"),
    ("keyed_requests", "query_signmethod_12", "accounts have certificates, not shared keys"),
    ("negative_requests", "request_amount_changed", "for the other side to refuse"),
    ("negative_requests", "request_unknown_certid", "for the other side to refuse"),
    ("negative_requests", "request_missing_origQryId", "for the other side to refuse"),
    ("negative_requests", "request_decimal_amount", "for the other side to refuse"),
];

/// Groups without ids: certificates and keys are used by the bench, the file by files.rs, the schedule by the engine; card
/// data never enters the gateway.
const WITHOUT_IDS: &str =
    "about certificates symmetric_key pfx_note reconciliation sensitive_data query_schedule";

#[test]
fn no_vector_is_left_out() {
    let vectors = vectors();
    let mut there = BTreeSet::new();
    for (group, entries) in vectors.as_object().unwrap() {
        match entries.as_array() {
            Some(entries) => {
                there.extend(entries.iter().map(|entry| (group.as_str(), text(entry, "/id"))));
            }
            None => assert!(WITHOUT_IDS.split(' ').any(|known| known == group), "{group}"),
        }
    }
    let covered = COVERED.iter().flat_map(|(group, ids)| ids.split_whitespace().map(|id| (*group, id)));
    let known: BTreeSet<_> = covered.chain(NOT_OURS.iter().map(|(group, id, _)| (*group, *id))).collect();
    assert_eq!(there, known);
}
