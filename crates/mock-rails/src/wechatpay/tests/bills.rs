//! Bills: their bytes, their days, their sums, and how they are fetched.

use super::*;
use crate::BillKind;
use crate::wechatpay::bill::sha1;

fn yuan(text: &str) -> i64 {
    let (whole, cents) = text.split_once('.').unwrap();
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    whole.parse::<i64>().unwrap() * 100 + sign * cents[..2].parse::<i64>().unwrap()
}

async fn fetched(world: &World, address: &str) -> (Value, Vec<u8>) {
    let got = world.get(address).await;
    assert_eq!(got.status, 200, "{}", String::from_utf8_lossy(&got.body));
    let answer = got.json();
    let url = text(&answer, "download_url").to_owned();
    let target = url.split_once("127.0.0.1:1").unwrap().1.to_owned();
    let file = world.get(&target).await;
    assert_eq!((file.status, file.header("Wechatpay-Signature")), (200, ""), "a file is not signed");
    (answer, file.body)
}

fn rows(file: &[u8]) -> (Vec<String>, Vec<Vec<String>>, Vec<String>) {
    let file = std::str::from_utf8(file).unwrap().strip_prefix('\u{feff}').unwrap();
    let mut lines: Vec<&str> = file.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    let header = lines.remove(0).split(',').map(str::to_owned).collect();
    let values =
        |line: &str| line.strip_prefix('`').unwrap().split(",`").map(str::to_owned).collect::<Vec<_>>();
    let totals = values(lines.pop().unwrap());
    lines.pop();
    (header, lines.into_iter().map(values).collect(), totals)
}

#[tokio::test]
async fn a_trade_bill_lists_the_day_and_adds_up() {
    let world = World::open();
    world.paid("BILL0001", 1_234).await;
    world.paid("BILL0002", 99).await;
    world.post(REFUNDS, &refund("BILL0001", "R1", 234, 1_234)).await;
    world.post(NATIVE, &order("BILL0003", 7)).await;
    let address = "/v3/bill/tradebill?bill_date=2026-01-01";
    assert_eq!(world.get(address).await.verdict(), "400 INVALID_REQUEST", "not today");
    world.step(24 * 3_600);
    assert_eq!(world.get(address).await.verdict(), "400 STATEMENT_CREATING", "eight in the morning");
    world.step(2 * 3_600);
    let (answer, file) = fetched(&world, address).await;
    assert_eq!(text(&answer, "hash_value"), sha1(&file));
    let (header, lines, totals) = rows(&file);
    assert_eq!((header.len(), lines.len(), lines[0].len(), totals.len()), (27, 3, 27, 7));
    let sum = |column: usize| -> i64 { lines.iter().map(|line| yuan(&line[column])).sum() };
    assert_eq!((sum(12), sum(16), sum(24)), (1_333, 234, 1_333));
    assert_eq!((totals[0].as_str(), yuan(&totals[1]), yuan(&totals[2])), ("3", 1_333, 234));
    assert_eq!(sum(22), yuan(&totals[4]), "fees");
    let book: i64 = world.rail.book().iter().filter(|entry| entry.paid).map(|entry| entry.total_fen).sum();
    assert_eq!(sum(12), book);
    let plain = world.rail.bill("2026-01-01".parse().unwrap()).unwrap();
    assert_eq!(
        plain.iter().filter(|line| line.kind == BillKind::Payment).map(|line| line.fen).sum::<i64>(),
        1_333
    );

    let (_, success) = fetched(&world, &format!("{address}&bill_type=SUCCESS")).await;
    assert_eq!((rows(&success).0.len(), rows(&success).1.len()), (20, 2));
    let (_, refunds) = fetched(&world, &format!("{address}&bill_type=REFUND")).await;
    assert_eq!((rows(&refunds).0.len(), rows(&refunds).1.len()), (29, 1));
    let (_, funds) = fetched(&world, "/v3/bill/fundflowbill?bill_date=2026-01-01").await;
    let (header, lines, totals) = rows(&funds);
    assert_eq!((header.len(), lines[0].len(), totals.len()), (11, 11, 5));
    assert_eq!(
        yuan(&totals[2]) - yuan(&totals[4]),
        yuan(&lines.last().unwrap()[7]),
        "the balance at the end"
    );
    for (address, verdict) in [
        ("/v3/bill/tradebill?bill_date=2026-01-02", "400 INVALID_REQUEST"),
        ("/v3/bill/tradebill?bill_date=2025-12-31", "400 NO_STATEMENT_EXIST"),
        ("/v3/bill/tradebill?bill_date=2025-08-01", "400 INVALID_REQUEST"),
        ("/v3/bill/tradebill?bill_date=1.1.2026", "400 INVALID_REQUEST"),
        ("/v3/bill/tradebill?bill_date=2026-01-01&bill_type=X", "400 PARAM_ERROR"),
        ("/v3/bill/tradebill?bill_date=2026-01-01&tar_type=ZIP", "400 INVALID_REQUEST"),
        ("/v3/bill/fundflowbill?bill_date=2026-01-01&account_type=FEES", "400 NO_STATEMENT_EXIST"),
        ("/v3/billdownload/file?token=x", "400 INVALID_REQUEST"),
    ] {
        assert_eq!(world.get(address).await.verdict(), verdict, "{address}");
    }
}

/// The digest is of the file before it is packed, and an address lives five minutes.
#[tokio::test]
async fn a_packed_bill_has_the_digest_of_the_unpacked_one_and_its_address_dies() {
    use std::io::Read as _;
    let world = World::open();
    world.paid("PACK0001", 100).await;
    world.step(26 * 3_600);
    let (answer, packed) = fetched(&world, "/v3/bill/tradebill?bill_date=2026-01-01&tar_type=GZIP").await;
    let mut file = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut file).unwrap();
    assert_eq!(text(&answer, "hash_value"), sha1(&file));
    assert!(text(&answer, "download_url").ends_with("&tartype=gzip"));
    let target = text(&answer, "download_url").split_once("127.0.0.1:1").unwrap().1.to_owned();
    world.step(299);
    assert_eq!(world.get(&target).await.status, 200);
    world.step(1);
    assert_eq!(world.get(&target).await.verdict(), "400 INVALID_REQUEST");
}
