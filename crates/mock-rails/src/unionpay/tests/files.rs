//! Reconciliation files.

use std::io::{Cursor, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::GBK;
use flate2::read::ZlibDecoder;
use zip::ZipArchive;

use super::{Conduct, Desk, FILE, Fields, common};
use crate::faults::Fault;
use crate::locked;
use crate::unionpay::clearing;
use crate::unionpay::statement::ZM_WIDTHS;
use crate::unionpay::time;

/// Names and texts of a file's entries.
pub(super) fn unpacked(content: &str) -> Vec<(String, String)> {
    let mut zip = Vec::new();
    ZlibDecoder::new(STANDARD.decode(content).unwrap().as_slice()).read_to_end(&mut zip).unwrap();
    let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
    (0..archive.len())
        .map(|at| {
            let mut entry = archive.by_index(at).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), GBK.decode(&bytes).0.into_owned())
        })
        .collect()
}

/// The values of each `ZM` line.
fn rows(content: &str) -> Vec<Vec<String>> {
    let entries = unpacked(content);
    let lines = entries[0].1.split_terminator("\r\n");
    lines
        .map(|line| {
            assert_eq!(line.len(), 607);
            let mut rest = line;
            ZM_WIDTHS
                .iter()
                .map(|width| {
                    let (value, more) = rest.split_at(*width);
                    rest = more.strip_prefix(' ').unwrap_or(more);
                    value.trim_end().to_owned()
                })
                .collect()
        })
        .collect()
}

async fn ask(desk: &Desk, settle_date: &str) -> Fields {
    let mut request = common(("76", "01"), "000000");
    for (name, value) in [("settleDate", settle_date), ("fileType", "00")] {
        request.put(name, value);
    }
    request.put("txnTime", time::text(desk.now()));
    desk.call(FILE, &request).await
}

async fn file(desk: &Desk, settle_date: &str) -> Vec<Vec<String>> {
    let answer = ask(desk, settle_date).await;
    assert_eq!(answer.value("respCode"), Some("00"), "{settle_date}");
    rows(answer.value("fileContent").unwrap())
}

#[tokio::test]
async fn a_file_is_there_from_the_next_morning_and_only_for_days_with_lines() {
    let desk = Desk::silent();
    desk.paid("T0000001", 1000).await;
    for (at, code) in [
        ("20261121235959", "98"),
        ("20261122075959", "98"),
        ("20261122080000", "00"),
        ("20271121080000", "98"),
    ] {
        desk.set(at);
        assert_eq!(ask(&desk, "1121").await.value("respCode"), Some(code), "{at}");
    }
    desk.set("20261122080000");
    for (settle_date, code) in
        [("1120", "98"), ("1122", "98"), ("1123", "98"), ("0230", "10"), ("11211", "10")]
    {
        assert_eq!(ask(&desk, settle_date).await.value("respCode"), Some(code), "{settle_date}");
    }
    let desk = Desk::silent_with(Conduct { empty_day_file: true, ..Conduct::default() });
    desk.set("20261122080000");
    assert_eq!(file(&desk, "1121").await, Vec::<Vec<String>>::new());
}

#[tokio::test]
async fn a_day_goes_from_23_to_23_and_frozen_money_has_no_line() {
    let desk = Desk::silent();
    desk.set("20261121225959");
    desk.paid("T0000001", 1000).await;
    desk.set("20261121230000");
    let hold = desk.held("P0000001", 5000).await;
    desk.followed("03", "C0000001", 3000, &hold).await;
    let released = desk.held("P0000002", 5000).await;
    desk.followed("32", "V0000001", 5000, &released).await;
    desk.set("20261123080000");
    let order_ids = |rows: Vec<Vec<String>>| rows.into_iter().map(|row| row[11].clone()).collect::<Vec<_>>();
    assert_eq!(order_ids(file(&desk, "1121").await), ["T0000001"]);
    let second = file(&desk, "1122").await;
    assert_eq!(
        (second[0][0].as_str(), second[0][19].as_str(), second[0][26].as_str()),
        ("S33", "03", hold.as_str())
    );
    assert_eq!(order_ids(second), ["C0000001"]);
}

#[tokio::test]
async fn lines_add_up_to_the_book_and_returned_fees_to_the_fee() {
    let desk = Desk::silent();
    // 999 fen: a fee of 5.994, which is 6; three parts of it come back as 2 each by the running sum.
    let query_id = desk.paid("T0000001", 999).await;
    for order_id in ["R0000001", "R0000002", "R0000003"] {
        desk.followed("04", order_id, 333, &query_id).await;
    }
    let other = desk.paid("T0000002", 12_345).await;
    desk.followed("04", "R0000004", 45, &other).await;
    desk.set("20261122080000");
    let rows = file(&desk, "1121").await;
    let signed = |text: &str| -> i64 {
        let fen: i64 = text[1..].parse().unwrap();
        match &text[..1] {
            "C" => fen,
            "D" => -fen,
            _ => {
                assert_eq!(fen, 0, "only zero has no sign");
                0
            }
        }
    };
    let mut sums = (0, 0, 0);
    for row in &rows {
        let (fen, fee, net): (i64, i64, i64) = (row[6].parse().unwrap(), signed(&row[15]), signed(&row[16]));
        let incoming = row[19] == "01";
        assert_eq!(if incoming { fen } else { -fen }, net - fee, "amount is settlement and fee: {row:?}");
        assert_eq!(row[16], row[32]);
        sums = (sums.0 + if incoming { fen } else { -fen }, sums.1 + fee, sums.2 + net);
    }
    // 999 all back with all of its fee; 12345 with a fee of 74 less 45, whose share of the fee rounds to nothing.
    assert_eq!((rows.len(), sums), (6, (12_300, -74, 12_226)));
    let trades = locked(&desk.mock.core.trades);
    let day = time::clearing_day(time::parse("20261121120000").unwrap());
    let fees: Vec<i64> = clearing::lines(&trades, None, day).iter().map(|line| line.fee_fen).collect();
    assert_eq!(fees, [6, 2, 2, 2, 74, 0]);
}

#[tokio::test]
async fn the_totals_are_those_of_the_lines() {
    let desk = Desk::silent();
    let query_id = desk.paid("T0000001", 1000).await;
    desk.followed("04", "R0000001", 300, &query_id).await;
    desk.set("20261122080000");
    let answer = ask(&desk, "1121").await;
    let entries = unpacked(answer.value("fileContent").unwrap());
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["INN26112188ZM_777290058110048", "INN26112188ZME_777290058110048", "RD201026112101_777290058110048"]
    );
    let expected = "商户代码:777290058110048\r\n清算日期:20261121\r\n贷记笔数:1\r\n贷记交易金额:10.00\r\n贷记手续费:0.06\r\n贷记清算金额:9.94\r\n借记笔数:1\r\n借记交易金额:3.00\r\n借记手续费:0.02\r\n借记清算金额:2.98\r\n清算净额:6.96\r\n";
    assert_eq!(entries[2].1, expected);
}

#[tokio::test]
async fn files_can_be_wrong_on_demand() {
    let desk = Desk::silent();
    desk.paid("T0000001", 1000).await;
    desk.paid("T0000002", 2000).await;
    desk.set("20261122080000");
    for (armed, wanted) in [
        ("LINE:MISSING", vec![("T0000001", "000000001000")]),
        (
            "LINE:EXTRA",
            vec![("T0000001", "000000001000"), ("T0000002", "000000002000"), ("XT0000002", "000000002000")],
        ),
        ("LINE:DIFFERENT", vec![("T0000001", "000000001000"), ("T0000002", "000000002001")]),
    ] {
        desk.bench.faults.arm(Some("bill"), Fault::BusinessCode(armed.to_owned()), 1);
        let rows = file(&desk, "1121").await;
        let seen: Vec<(&str, &str)> = rows.iter().map(|row| (row[11].as_str(), row[6].as_str())).collect();
        assert_eq!(seen, wanted, "{armed}");
    }
    assert_eq!(file(&desk, "1121").await.len(), 2, "and good again");
}

#[tokio::test]
async fn a_merchant_number_gets_its_own_lines() {
    let desk = Desk::silent();
    desk.paid("T0000001", 1000).await;
    let mut other = desk.order(("01", "01"), "A0000001", 700, []);
    other.put("merId", "777290058110097");
    assert_eq!(desk.call(super::APP, &other).await.value("respCode"), Some("00"));
    desk.pay("A0000001", false).unwrap();
    desk.set("20261122080000");
    let rows = file(&desk, "1121").await;
    assert_eq!(rows.iter().map(|row| row[11].as_str()).collect::<Vec<_>>(), ["T0000001"]);
}
