//! Request ids and notifications: each is taken once, for ever.

use futures::future::join_all;
use jiff::SignedDuration;
use paifang_payment::Digest;
use paifang_store::{Batch, Committed, InboxEntry, InboxVerdict, Operation, RequestRow, Resource, Store};

use super::desk::{attempt, intent_of, paid};
use super::{Bench, Desk};
use crate::hand::{Hand, account, fen};

/// I1: a request id stands for its first call, whatever comes under it later and however late.
pub async fn request_ids_never_expire(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let first = desk.hand.create(fen(100), None);
    let request = first.request.clone().expect("a create has a request");
    desk.done(first.clone()).await;
    let mut again = desk.hand.create(fen(100), None);
    again.request = Some(request.clone());
    desk.refused(again.clone(), Committed::Replayed(request.resource)).await;
    desk.clock.advance(SignedDuration::from_hours(24 * 365 * 5));
    desk.refused(first.clone(), Committed::Replayed(request.resource)).await;
    let mut other = again.clone();
    other.request.as_mut().expect("set above").fingerprint = Digest([2; 32]);
    desk.refused(other, Committed::RequestReused).await;

    again.request.as_mut().expect("set above").operation = Operation::ConfirmIntent;
    desk.done(again).await;
    let stranger = Hand::new(2, &desk.clock);
    let mut theirs = stranger.create(fen(100), None);
    theirs.request.as_mut().expect("a create has a request").request_id = request.request_id.clone();
    let theirs_id = intent_of(&theirs);
    desk.done(theirs).await;

    let read = |tenant| desk.store.request(tenant, Operation::CreateIntent, &request.request_id);
    let mine = RequestRow { fingerprint: request.fingerprint, resource: request.resource };
    assert_eq!(read(desk.hand.tenant()).await.expect("the store works"), Some(mine));
    let theirs = read(stranger.tenant()).await.expect("the store works");
    assert_eq!(theirs.map(|row| row.resource), Some(Resource::Intent(theirs_id)));
    desk.clean().await;
}

/// F35: a hundred equal requests at once make one intent, and all hundred learn which.
pub async fn equal_requests_make_one_intent(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let request_id = desk.hand.request_id();
    let batches = (0..100).map(|_| {
        let mut batch = desk.hand.create(fen(100), Some(desk.hand.qr(fen(100))));
        batch.request.as_mut().expect("a create has a request").request_id = request_id.clone();
        batch
    });
    let answers = join_all(batches.map(|batch| desk.store.commit(batch))).await;
    let intents = desk.store.scan_intents(None, 200).await.expect("the store works");
    let [winner] = intents.as_slice() else { panic!("{} intents", intents.len()) };
    let resource = Resource::Intent(winner.intent.terms.id);
    let count =
        |wanted: Committed| answers.iter().filter(|answer| answer.as_ref().ok() == Some(&wanted)).count();
    assert_eq!((count(Committed::Done), count(Committed::Replayed(resource))), (1, 99));
    desk.clean().await;
}

/// A notification is taken once per rail account, together with what it brings or not at all.
pub async fn notifications_are_taken_once(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.create(fen(100)).await;
    let entry = InboxEntry {
        account: account("alipay-main"),
        key: "notify-1".to_owned(),
        verdict: InboxVerdict::Applied,
        digest: Digest([3; 32]),
    };
    let mut stale = desk.news(&row, attempt(&row).terms.id, &paid(fen(100)));
    stale.inbox = Some(entry.clone());
    stale.intent.as_mut().expect("news writes the intent").expected -= 1;
    stale.intent.as_mut().expect("as above").row.version -= 1;
    stale.intent.as_mut().expect("as above").entries.iter_mut().for_each(|entry| entry.seq -= 1);
    desk.refused(stale, Committed::Conflict).await;

    let mut news = desk.news(&row, attempt(&row).terms.id, &paid(fen(100)));
    news.inbox = Some(entry.clone());
    desk.done(news.clone()).await;
    desk.refused(news, Committed::SeenBefore).await;
    let mut elsewhere = Batch::new(desk.hand.tenant(), desk.hand.now());
    let (account, why) = (account("wechatpay-main"), "amount".to_owned());
    elsewhere.inbox = Some(InboxEntry { account, verdict: InboxVerdict::Suspicious { why }, ..entry });
    desk.done(elsewhere).await;

    let kept = desk.store.inbox(&crate::hand::account("alipay-main"), 10).await.expect("the store works");
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].digest, Digest([3; 32]));
    assert_eq!(desk.store.stats().await.expect("the store works").suspicious, 1);
    desk.clean().await;
}

/// What does not fit does not stand in the way of what does: wrong news under a payment's key is kept, each once, and the
/// right news under that key is taken up all the same, once.
pub async fn suspicious_news_leaves_its_key_free(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.create(fen(100)).await;
    let account = account("alipay-main");
    let told = |digest: u8| InboxEntry {
        account: account.clone(),
        key: "notify-1".to_owned(),
        verdict: InboxVerdict::Applied,
        digest: Digest([digest; 32]),
    };
    let kept_only =
        |entry: InboxEntry| Batch { inbox: Some(entry), ..Batch::new(desk.hand.tenant(), desk.hand.now()) };
    desk.done(kept_only(told(1).suspicious("amount".to_owned()))).await;
    desk.refused(kept_only(told(1).suspicious("amount".to_owned())), Committed::SeenBefore).await;
    desk.done(kept_only(told(2).suspicious("merchant".to_owned()))).await;
    assert!(!desk.store.is_kept(&account, "notify-1").await.expect("the store works"), "under another key");

    let mut news = desk.news(&row, attempt(&row).terms.id, &paid(fen(100)));
    news.inbox = Some(told(3));
    desk.done(news.clone()).await;
    desk.refused(news, Committed::SeenBefore).await;
    desk.done(kept_only(told(4).suspicious("too late".to_owned()))).await;

    for (key, there) in [("notify-1", true), ("notify-2", false), ("notify-", false)] {
        let is_kept = desk.store.is_kept(&account, key).await.expect("the store works");
        assert_eq!(is_kept, there, "{key}");
    }
    let elsewhere = crate::hand::account("wechat-main");
    assert!(!desk.store.is_kept(&elsewhere, "notify-1").await.expect("the store works"));
    let kept = desk.store.inbox(&account, 10).await.expect("the store works");
    let digests: Vec<u8> = kept.iter().map(|row| row.digest.0[0]).collect();
    assert_eq!(digests, [1, 2, 3, 4]);
    let plain: Vec<u8> = kept.iter().filter(|row| row.key == "notify-1").map(|row| row.digest.0[0]).collect();
    assert_eq!(plain, [3], "only what was taken up has the message's own key");
    assert_eq!(desk.store.stats().await.expect("the store works").suspicious, 3);
    desk.clean().await;
}
