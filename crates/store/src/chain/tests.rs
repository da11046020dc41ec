//! I7, S23: what is done to a sealed journal is found, to the very entry.

use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::refund::{Entry, Purpose, Refund, Terms};
use paifang_payment::{
    AccountId, AttemptId, Evidence, IntentId, OrderNo, RailName, Remark, RequestId, Source,
};

use super::*;
use crate::{RefundWrite, RequestKey, Resource};

fn start() -> Timestamp {
    "2026-11-21T04:00:00Z".parse().unwrap()
}

fn tenant() -> TenantId {
    TenantId::from_parts(start(), [1; 10])
}

fn terms() -> Terms {
    Terms {
        id: RefundId::from_parts(start(), [2; 10]),
        tenant: tenant(),
        intent: IntentId::from_parts(start(), [3; 10]),
        attempt: AttemptId::from_parts(start(), [4; 10]),
        request_id: RequestId::parse("refund-1").unwrap(),
        purpose: Purpose::Requested,
        rail: RailName::parse("alipay").unwrap(),
        account: AccountId::parse("alipay-main").unwrap(),
        refund_no: OrderNo::parse("REFUND0001").unwrap(),
        amount: PositiveMoney::new(100, Currency::CNY).unwrap(),
        reason: None,
        opened_at: start(),
        resend_until: start(),
        nonce: "0".repeat(32),
        paced: false,
        bearing: None,
        granted_by: None,
        case: None,
    }
}

/// A refund of five entries, sealed in three commits.
fn journal() -> (Refund, Vec<Entry>) {
    let step = Refund::open(terms(), Evidence::plain(Source::Storefront, "refund.create"));
    let (mut row, mut journal) = (step.refund.clone(), Vec::new());
    let mut open = Batch::new(tenant(), start());
    let operation = crate::Operation::CreateRefund;
    let (request_id, resource) = (terms().request_id, Resource::Refund(terms().id));
    open.request = Some(RequestKey { operation, request_id, fingerprint: Digest([9; 32]), resource });
    open.refunds.push(RefundWrite { expected: 0, row: step.refund, entries: step.entries });
    commit(&mut open, &mut row, &mut journal);
    for entries in [1, 3] {
        let mut batch = Batch::new(tenant(), start());
        let mut write = RefundWrite { expected: row.version, row: row.clone(), entries: Vec::new() };
        for _ in 0..entries {
            let remark = |text| Remark::parse(text).unwrap();
            let step = write.row.redrive(remark("li.lei"), remark("the rail is back"), start()).unwrap();
            write.row = step.refund;
            write.entries.extend(step.entries);
        }
        batch.refunds.push(write);
        commit(&mut batch, &mut row, &mut journal);
    }
    (row, journal)
}

fn commit(batch: &mut Batch, row: &mut Refund, journal: &mut Vec<Entry>) {
    batch.seal().unwrap();
    let once = batch.clone();
    batch.seal().unwrap();
    assert_eq!(*batch, once, "sealing again changes nothing");
    *row = batch.refunds[0].row.clone();
    journal.extend(batch.refunds[0].entries.clone());
}

fn findings(entries: &[Entry], head: Option<Digest>) -> Vec<String> {
    follow(tenant(), &terms().id.to_string(), entries, head).unwrap().findings
}

#[test]
fn a_sealed_journal_leads_to_its_head() {
    let (row, journal) = journal();
    assert_eq!(findings(&journal, row.head), Vec::<String>::new());
    assert_eq!(Refund::fold(&journal).unwrap(), row);
    let ends: Vec<bool> =
        journal.iter().map(|entry| entry.seal.as_ref().is_some_and(|seal| seal.commit.is_some())).collect();
    assert_eq!(ends, [true, true, false, false, true], "the last entry of each commit names it");
    let first = journal[0].seal.clone().unwrap();
    assert_eq!(first.commit.unwrap().request, Some(terms().request_id));
}

/// The canonical form stays for ever: a change of it would make every journal look altered.
#[test]
fn the_digest_of_an_entry_never_changes() {
    let (row, journal) = journal();
    expect_test::expect!["5e2eb0082541288ff2dfe7e0ef1368de49edbcf3d2c5b8af6e85ebe7d5dd5492 b1bd1c09934781ac338e7c471b287013333d1b9672115d975e2902ffa9d831bf"].assert_eq(&format!("{:?} {:?}", journal[0].seal.as_ref().unwrap().digest, row.head.unwrap()));
}

#[test]
fn what_was_altered_is_named() {
    let (row, journal) = journal();
    let mut altered = journal.clone();
    altered[2].evidence.rule = "operator.other".into();
    let found = findings(&altered, row.head);
    assert!(found.len() == 1 && found[0].starts_with("entry 3 was altered"), "{found:?}");
    let mut commit = journal.clone();
    commit[1].seal.as_mut().unwrap().commit.as_mut().unwrap().booked.push("capture:x".into());
    assert!(findings(&commit, row.head)[0].starts_with("entry 2 was altered"));
    // With a digest to fit, the next entry does not fit any more.
    let seal = altered[2].seal.clone().unwrap();
    let id = terms().id.to_string();
    let forged = digest(tenant(), &id, seal.previous, seal.commit.as_ref(), &altered[2]).unwrap();
    altered[2].seal.as_mut().unwrap().digest = forged;
    let found = findings(&altered, row.head);
    assert!(found.len() == 1 && found[0].starts_with("entry 4 follows"), "{found:?}");
}

#[test]
fn what_was_removed_or_moved_is_named() {
    let (row, journal) = journal();
    let mut middle = journal.clone();
    middle.remove(2);
    let found = findings(&middle, row.head);
    assert!(found.len() == 1 && found[0].starts_with("entry 4 follows"), "{found:?}");
    let found = findings(&journal[..4], row.head);
    assert!(found.len() == 1 && found[0].contains("the journal ends at entry 4"), "{found:?}");
    let found = findings(&[], row.head);
    assert!(found.len() == 1 && found[0].contains("ends with no seal"), "{found:?}");
    let mut bare = journal.clone();
    bare[3].seal = None;
    assert!(findings(&bare, row.head)[0].starts_with("entry 4 has no seal, although entry 3"));
    let other = TenantId::from_parts(start(), [7; 10]);
    let elsewhere = follow(other, &terms().id.to_string(), &journal, row.head).unwrap();
    assert_eq!(elsewhere.findings.len(), 5, "an entry belongs to its tenant");
}

/// Journals of an earlier release have no seals; theirs begin with the next commit.
#[test]
fn a_chain_may_begin_later() {
    let (_, journal) = journal();
    let mut old = journal[..2].to_vec();
    old.iter_mut().for_each(|entry| entry.seal = None);
    assert_eq!(findings(&old, None), Vec::<String>::new());
    let mut row = Refund::fold(&old).unwrap();
    assert_eq!(row.head, None);
    let mut batch = Batch::new(tenant(), start());
    let remark = Remark::parse("x").unwrap();
    let step = row.clone().redrive(remark.clone(), remark, start()).unwrap();
    batch.refunds.push(RefundWrite { expected: row.version, row: step.refund, entries: step.entries });
    commit(&mut batch, &mut row, &mut old);
    assert_eq!(findings(&old, row.head), Vec::<String>::new());
    assert_eq!(Refund::fold(&old).unwrap(), row);
}
