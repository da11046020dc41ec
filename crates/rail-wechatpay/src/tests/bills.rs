//! Both bills: the recorded files, and F69: whatever is wrong with a file.

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expect_test::expect;
use flate2::Compression;
use flate2::write::GzEncoder;
use paifang_payment::OrderNo;
use paifang_rail::{
    FileDigest, LineStanding, Rail, StatementError, StatementKind, StatementLine, StatementProof,
    StatementWish,
};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::support::*;

pub(super) const KINDS: [(&str, usize); 2] = [("trade", 0), ("fund_flow", 1)];

pub(super) fn wish(kind: &'static str) -> StatementWish {
    let inquiry_no = OrderNo::parse("S20260101000001").unwrap();
    StatementWish { kind, day: "2026-01-01".parse().unwrap(), inquiry_no }
}

/// The recorded file: as it is, and packed.
pub(super) fn recorded(index: usize) -> [Vec<u8>; 2] {
    ["raw_base64", "gzip_base64"]
        .map(|field| STANDARD.decode(vectors("bills")[index][field].as_str().unwrap()).unwrap())
}

pub(super) fn own_digest(index: usize) -> FileDigest {
    FileDigest { sha1_hex: vectors("bills")[index]["hash_value"].as_str().unwrap().into() }
}

pub(super) fn read(
    kind: &'static str,
    file: &[u8],
    digest: Option<&FileDigest>,
) -> Result<(Vec<StatementLine>, StatementProof), StatementError> {
    let mut lines = Vec::new();
    let mut file = Cursor::new(file);
    let proof =
        account().read_statement(&wish(kind), &mut file, digest, &cx(CLOCK), &mut |line| lines.push(line))?;
    Ok((lines, proof))
}

/// A file with the digest that its content has.
fn believed(kind: &'static str, text: &str) -> Result<(Vec<StatementLine>, StatementProof), StatementError> {
    let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    read(kind, text.as_bytes(), Some(&FileDigest { sha1_hex: hex::encode(sum) }))
}

fn text_of(index: usize) -> String {
    String::from_utf8(recorded(index)[0].clone()).unwrap()
}

#[test]
fn the_recorded_bills_are_read_packed_or_not() {
    let mut told = String::new();
    for (kind, index) in KINDS {
        let [plain, packed] = recorded(index);
        let digest = own_digest(index);
        let (lines, proof) = read(kind, &plain, Some(&digest)).unwrap();
        assert!(proof.genuine.is_none());
        let (again, _) = read(kind, &packed, Some(&digest)).unwrap();
        assert_eq!(lines, again);
        told += &format!("{kind} {:?}\n", proof.totals);
        for line in lines {
            let StatementLine { kind, order_no, refund_no, rail_ref, amount, fee_minor, at, standing } = line;
            told += &format!(
                "  {kind:?} {order_no} {refund_no:?} {rail_ref} {amount} {fee_minor:?} {at:?} {standing:?}\n"
            );
        }
    }
    expect![[r#"
        trade StatementTotals { lines: 3, paid_minor: 300, returned_minor: 30 }
          Payment T20260101000001 None 4200000000202601010000000001 1.00 CNY Some(1) Some(2026-01-01T00:05:00Z) Done
          Payment T20260101000002 None 4200000000202601010000000002 2.00 CNY Some(1) Some(2026-01-01T01:00:00Z) Done
          Refund T20260101000001 Some("R20260101000001") 50000000000202601010000000001 0.30 CNY Some(0) Some(2026-01-01T00:10:00Z) Done
        fund_flow StatementTotals { lines: 2, paid_minor: 100, returned_minor: 30 }
          Payment T20260101000001 None 4200000000202601010000000001 1.00 CNY None Some(2026-01-01T00:05:00Z) Done
          Refund R20260101000001 Some("R20260101000001") 50000000000202601010000000001 0.30 CNY Some(0) Some(2026-01-01T00:10:00Z) Done
    "#]].assert_eq(&told);
}

/// The digest is over the unpacked content; that of the packed file is none.
#[test]
fn a_bill_needs_its_digest() {
    for (kind, index) in KINDS {
        let [plain, packed] = recorded(index);
        let wrong = FileDigest { sha1_hex: "0".repeat(40) };
        let other = own_digest(1 - index);
        let of_gzip = vectors("bills")[index]["sha1_of_gzip_must_not_be_used"].as_str().unwrap();
        let of_gzip = FileDigest { sha1_hex: of_gzip.into() };
        for digest in [None, Some(&wrong), Some(&other), Some(&of_gzip)] {
            for file in [&plain, &packed] {
                let refused = read(kind, file, digest).map(drop);
                assert!(matches!(refused, Err(StatementError::NotGenuine(_))), "{kind} {refused:?}");
            }
        }
    }
    let unknown = read("funds", &recorded(0)[0], Some(&own_digest(0))).map(drop);
    assert_eq!(unknown, Err(StatementError::Unsupported));
    // Each is read as what was asked for.
    for (kind, index) in [("trade", 1), ("fund_flow", 0)] {
        let refused = read(kind, &recorded(index)[0], Some(&own_digest(index))).map(drop);
        assert!(matches!(refused, Err(StatementError::Malformed { line: 1, .. })), "{refused:?}");
    }
}

/// F69: a wrong merchant, day, state, amount or total; a file that is cut, or goes on.
#[test]
fn what_does_not_fit_is_refused() {
    let refused = |kind, index, from: &str, to: &str| {
        let text = text_of(index);
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        match believed(kind, &changed) {
            Ok(read) => panic!("{from} -> {to}: {read:?}"),
            Err(error) => format!("{from:?} -> {to:?}: {error}\n"),
        }
    };
    let mut told = String::new();
    for (from, to) in [
        ("`1900000109,", "`1900000108,"),
        ("`2026-01-01 08", "`2026-01-01 25"),
        ("`SUCCESS,", "`PAID,"),
        ("`0.60%,`1.00", "`0.60%,`x"),
        ("\r\n", "\n"),
        ("商户号", "商户"),
        ("\u{feff}", ""),
    ] {
        told += &refused("trade", 0, from, to);
    }
    for (from, to) in [
        ("`收入,", "`出入,"),
        ("`交易,`收入", "`交易,`支出"),
        ("`退款,`支出", "`退款,`收入"),
        ("`收入,`1.00", "`收入,`1.01"),
        ("`收入,`1.00", "`收入,`-1.00"),
        ("`收入,`1.00", "`收入,`1.001"),
        ("`收入,`1.00", "`收入,`"),
        ("`T20260101000001", "`"),
        ("`3,`1,", "`4,`1,"),
        ("`3,`1,", "`3,`2,"),
        ("`2,`0.31", "`2,`0.30"),
        ("`2,`0.31", "`0.31"),
        ("收支类型", "类型"),
    ] {
        told += &refused("fund_flow", 1, from, to);
    }
    expect![[r#"
        "`1900000109," -> "`1900000108,": the bill is of another merchant
        "`2026-01-01 08" -> "`2026-01-01 25": line 2 of the bill cannot be read: a time
        "`SUCCESS," -> "`PAID,": line 2 of the bill cannot be read: a state of SUCCESS, REFUND or REVOKED
        "`0.60%,`1.00" -> "`0.60%,`x": line 2 of the bill cannot be read: an amount in yuan with two decimals
        "\r\n" -> "\n": line 1 of the bill cannot be read: lines of at most 16 KiB that end in CRLF
        "商户号" -> "商户": line 1 of the bill cannot be read: the columns of this bill
        "\u{feff}" -> "": line 1 of the bill cannot be read: a byte order mark
        "`收入," -> "`出入,": line 2 of the bill cannot be read: a direction of 收入 or 支出
        "`交易,`收入" -> "`交易,`支出": line 2 of the bill cannot be read: payments that come in and refunds that go out
        "`退款,`支出" -> "`退款,`收入": line 4 of the bill cannot be read: payments that come in and refunds that go out
        "`收入,`1.00" -> "`收入,`1.01": the bill's lines and its totals differ: what came in and went out
        "`收入,`1.00" -> "`收入,`-1.00": line 2 of the bill cannot be read: an amount in yuan with two decimals
        "`收入,`1.00" -> "`收入,`1.001": line 2 of the bill cannot be read: an amount in yuan with two decimals
        "`收入,`1.00" -> "`收入,`": line 2 of the bill cannot be read: an amount in yuan with two decimals
        "`T20260101000001" -> "`": line 2 of the bill cannot be read: numbers of visible characters
        "`3,`1," -> "`4,`1,": the bill's lines and its totals differ: the number of rows
        "`3,`1," -> "`3,`2,": the bill's lines and its totals differ: the number of rows of a direction
        "`2,`0.31" -> "`2,`0.30": the bill's lines and its totals differ: what came in and went out
        "`2,`0.31" -> "`0.31": line 6 of the bill cannot be read: as many totals as names
        "收支类型" -> "类型": line 1 of the bill cannot be read: the columns of this bill
    "#]].assert_eq(&told);
}

/// F70: a row near midnight may bear the neighbour's date; a file that is mostly such rows is the neighbour's.
#[test]
fn a_row_of_another_day_is_a_row_and_a_file_of_another_day_is_refused() {
    for (kind, index) in KINDS {
        let text = text_of(index);
        let one = text.replacen("`2026-01-01 ", "`2025-12-31 ", 1);
        let (lines, _) = believed(kind, &one).unwrap();
        assert_eq!(lines.len(), believed(kind, &text).unwrap().0.len());
        let all = text.replace("`2026-01-01 ", "`2025-12-31 ");
        assert_eq!(believed(kind, &all).map(drop), Err(StatementError::Mismatch("day")));
    }
}

/// The column 退款状态 of the trade bill. A refund that failed is a row, and counts in the bill's own totals.
#[test]
fn a_refund_row_says_how_far_it_had_come() {
    let text = text_of(0);
    let told = |state: &str| {
        let changed = text.replace("`ORIGINAL,`SUCCESS,", &format!("`ORIGINAL,`{state},"));
        believed("trade", &changed).map(|(lines, proof)| (lines.last().unwrap().standing, proof.totals))
    };
    let totals = told("SUCCESS").unwrap().1;
    for (state, standing) in [
        ("SUCCESS", LineStanding::Done),
        ("PROCESSING", LineStanding::Underway),
        ("CHANGE", LineStanding::Underway),
        ("FAIL", LineStanding::Failed),
    ] {
        assert_eq!(told(state).unwrap(), (standing, totals.clone()), "{state}");
    }
    assert!(matches!(told("LOST"), Err(StatementError::Malformed { line: 4, .. })));
    // What payment by code was given back by a reverse says so, too.
    let reversed = text.replace("`REFUND,", "`REVOKED,");
    let (lines, proof) = believed("trade", &reversed).unwrap();
    let last = lines.last().unwrap();
    assert_eq!((last.kind, last.refund_no.as_deref()), (StatementKind::Reversal, None));
    assert_eq!(proof.totals, totals);
}

#[test]
fn totals_of_the_trade_bill_are_compared() {
    let text = text_of(0);
    let at = text.trim_end().rfind("\r\n").unwrap() + 2;
    let (head, totals) = text.split_at(at);
    let values: Vec<&str> = totals.trim_end().strip_prefix('`').unwrap().split(",`").collect();
    for (column, rule) in [(0, "the number of rows"), (5, "the payments"), (6, "the refunds")] {
        let mut changed: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        changed[column] = "77.00".into();
        let refused = believed("trade", &format!("{head}`{}\r\n", changed.join(",`"))).map(drop);
        assert_eq!(refused, Err(StatementError::Totals(rule)));
    }
}

#[test]
fn cut_or_prolonged_files_are_refused() {
    for (kind, index) in KINDS {
        let [plain, packed] = recorded(index);
        let digest = own_digest(index);
        for file in [&plain, &packed] {
            for length in 0..file.len() {
                assert!(read(kind, &file[..length], Some(&digest)).is_err(), "{kind} cut at {length}");
            }
        }
        let longer = text_of(index) + "`\r\n";
        let refused = believed(kind, &longer).map(drop);
        assert!(matches!(refused, Err(StatementError::Malformed { .. })), "{refused:?}");
        let twice = [plain.clone(), plain].concat();
        assert!(read(kind, &twice, Some(&digest)).is_err());
    }
}

/// Lines that stand twice are passed on as they are: whether that is wrong is for whoever closes the day.
#[test]
fn doubled_lines_are_passed_on() {
    let text = text_of(1);
    let row = text.lines().nth(1).unwrap();
    let doubled =
        text.replacen(row, &format!("{row}\r\n{row}"), 1).replacen("`3,`1,`1.00,", "`4,`2,`2.00,", 1);
    let (lines, proof) = believed("fund_flow", &doubled).unwrap();
    assert_eq!(lines[0], lines[1]);
    assert_eq!((proof.totals.lines, proof.totals.paid_minor), (3, 200));
}

/// A refund moves the balance by less where a part of its fee comes back; it is told whole.
#[test]
fn a_refund_is_told_with_the_fee_in_it() {
    let net = text_of(1).replacen("`0.30,`", "`0.28,`", 1).replacen("`2,`0.31", "`2,`0.29", 1);
    let fee = net.replacen("含手续费0.00元", "含手续费0.02元", 1);
    let told = |text: &str| {
        let (lines, proof) = believed("fund_flow", text).unwrap();
        let refund = lines.last().unwrap();
        assert_eq!(proof.totals.returned_minor, i128::from(refund.amount.minor_units()));
        (refund.amount.minor_units(), refund.fee_minor)
    };
    assert_eq!(told(&fee), (30, Some(-2)));
    // A remark that does not fit, or of another form: what moved is told.
    assert_eq!(told(&net), (28, None));
    assert_eq!(told(&fee.replacen("退款总金额", "", 1)), (28, None));
}

/// What moved the balance and is of no order is counted and not told.
#[test]
fn withdrawals_are_no_lines() {
    let text = text_of(1);
    let fee = text.lines().nth(2).unwrap();
    let withdrawal = fee.replace("扣除交易手续费", "提现").replace("`T20260101000001", "`");
    let (lines, _) = believed("fund_flow", &text.replacen(fee, &withdrawal, 1)).unwrap();
    assert_eq!(lines.len(), 2);
}

#[test]
fn an_empty_bill_has_no_lines() {
    let text = text_of(1);
    let lines: Vec<&str> = text.lines().collect();
    let empty = format!("{}\r\n{}\r\n`0,`0,`0.00,`0,`0.00\r\n", lines[0], lines[4]);
    let (read, proof) = believed("fund_flow", &empty).unwrap();
    assert!(read.is_empty());
    assert_eq!(proof.totals, paifang_rail::StatementTotals::default());
}

/// F69: what unpacks to more than a line may have is not held in memory.
#[test]
fn a_bomb_is_refused_early() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        packed.write_all(&[b'a'; 1 << 20]).unwrap();
    }
    let bomb = packed.finish().unwrap();
    assert!(bomb.len() < 1 << 18);
    for (kind, index) in KINDS {
        let refused = read(kind, &bomb, Some(&own_digest(index))).map(drop);
        assert!(matches!(refused, Err(StatementError::Malformed { line: 1, .. })), "{refused:?}");
    }
}
