//! The hostile corpus at the door of the running binary: nothing of it is believed, moves state or money, or gets into the
//! log; the authentic messages beside it are believed (F45-F65, I4, I14, I15, I18).
#![allow(clippy::print_stdout)] // the figures are told
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

#[path = "support/scene.rs"]
mod scene;
mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use paifang_hostile::scene::{CANARY, NOTIFY_TOKEN, orders};
use paifang_hostile::{About, Case, Expected, load};
use paifang_proto::v1::{PaymentIntentState as State, RefundState};
use scene::Scene;
use support::RAILS;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the gateway made of a case.
struct Judged {
    status: u16,
    answer: String,
    /// The verdict that its metrics counted, if the message came so far.
    verdict: Option<String>,
}

/// How often each verdict came, by rail and by kind.
type Figures = BTreeMap<(String, String, String), u32>;

#[tokio::test]
async fn no_hostile_notification_is_accepted_and_every_authentic_one_is() {
    let mut scene = Scene::build().await;
    let mut figures = Figures::new();
    let before = scene.dump().await;
    play(&scene, Expected::Refused, &mut figures).await;
    assert_same(&before, &scene.dump().await, "refused");
    play(&scene, Expected::Unknown, &mut figures).await;
    let after = scene.dump().await;
    assert_same(&without_inbox(&before), &without_inbox(&after), "unknown");
    play(&scene, Expected::Suspicious, &mut figures).await;
    let after = scene.dump().await;
    assert_same(&without_inbox(&before), &without_inbox(&after), "suspicious");
    assert!(after.iter().any(|line| line.contains("Suspicious")), "suspicious news is kept");
    nothing_has_moved(&mut scene).await;
    play(&scene, Expected::Accepted, &mut figures).await;
    everything_has_moved(&mut scene).await;
    let log = scene.world.stage.log();
    assert!(!log.is_empty() && !log.contains(CANARY), "the log holds what a rail says of a payer");
    assert!(!log.contains(NOTIFY_TOKEN) && !log.contains("BEGIN"), "the log holds a token or a certificate");
    print(&figures);
    scene.world.stage.close().await;
    std::fs::remove_dir_all(&scene.world.stage.dir).unwrap();
}

/// Sends every notification of which this is expected; the first that becomes something else fails the test.
async fn play(scene: &Scene, expected: Expected, figures: &mut Figures) {
    let mut wrong = Vec::new();
    for (file, cases) in load().unwrap() {
        let rail = file.split('/').next().unwrap();
        for case in cases.iter().filter(|case| case.about == About::Notification && case.expected == expected)
        {
            scene.noon();
            let judged = judge(scene, rail, case).await;
            if !fits(expected, &judged) {
                let Judged { status, answer, verdict } = &judged;
                wrong.push(format!("{} ({}): {status} {verdict:?} {answer}", case.name, case.reason));
            }
            assert!(!judged.answer.contains(CANARY), "{}: {}", case.name, judged.answer);
            let verdict = judged.verdict.unwrap_or_else(|| format!("HTTP {}", judged.status));
            *figures.entry((rail.to_owned(), case.kind.clone(), verdict)).or_insert(0) += 1;
        }
    }
    assert!(wrong.is_empty(), "{expected:?}, {} cases:\n{}", wrong.len(), wrong.join("\n"));
}

fn fits(expected: Expected, judged: &Judged) -> bool {
    let verdict = judged.verdict.as_deref();
    let acknowledged = (200..300).contains(&judged.status);
    match expected {
        Expected::Refused => {
            let disbelieved =
                ["unsigned", "wrong_signature", "unknown_key", "stale", "malformed", "undecryptable"];
            (400..500).contains(&judged.status) && verdict.is_none_or(|word| disbelieved.contains(&word))
        }
        Expected::Unknown => match verdict {
            Some("orphan") => !acknowledged,
            Some("known") => acknowledged,
            Some(_) | None => false,
        },
        Expected::Suspicious => acknowledged && verdict == Some("suspicious"),
        Expected::Accepted => acknowledged && matches!(verdict, Some("news" | "known")),
    }
}

async fn judge(scene: &Scene, rail: &str, case: &Case) -> Judged {
    let before = scene.verdicts().await;
    let (status, answer) = send(scene.world.stage.http, rail, case).await;
    let after = scene.verdicts().await;
    let counted = after.iter().find(|(key, count)| before.get(*key).copied().unwrap_or(0) != **count);
    Judged { status, answer, verdict: counted.map(|((_, verdict), _)| verdict.clone()) }
}

/// Sends a case as it is, headers and all; answers the status and the body.
async fn send(to: SocketAddr, rail: &str, case: &Case) -> (u16, String) {
    let path = format!("/notify/{rail}-main/{NOTIFY_TOKEN}");
    let line = case.request.as_deref().unwrap_or("POST {path}");
    let line = line.replace("{path}", &path).replace("{token}", NOTIFY_TOKEN);
    let line = line.replace("{order}", orders(rail).charge);
    let query = if case.query.is_empty() { String::new() } else { format!("?{}", case.query) };
    let mut head = format!("{line}{query} HTTP/1.1\r\nConnection: close\r\n");
    if !case.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head += &format!("Host: {to}\r\n");
    }
    for (name, value) in &case.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let body = case.body();
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(to).await.expect("the gateway listens");
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    // The gateway may answer before it has read everything, and close.
    let _ = stream.write_all(&body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, text.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}

/// I18: all but the inbox, in which what is genuine is kept.
fn without_inbox(lines: &[String]) -> Vec<String> {
    lines.iter().filter(|line| !line.starts_with("inbox ")).cloned().collect()
}

fn assert_same(before: &[String], after: &[String], what: &str) {
    let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(gone.is_empty() && new.is_empty(), "{what}: the store changed\n- {gone:#?}\n+ {new:#?}");
}

async fn nothing_has_moved(scene: &mut Scene) {
    for rail in RAILS {
        let charge = scene.intent_of(&format!("charge-{rail}")).await;
        assert_eq!(charge.state(), State::AwaitingPayer, "{rail}");
        let refund = scene.refund_of(rail).await;
        assert_eq!(refund.state(), RefundState::InDoubt, "{rail}: {refund:#?}");
    }
}

async fn everything_has_moved(scene: &mut Scene) {
    for rail in RAILS {
        let charge = scene.intent_of(&format!("charge-{rail}")).await;
        assert_eq!(charge.state(), State::Succeeded, "{rail}");
        if orders(rail).hold.is_some() {
            let hold = scene.intent_of(&format!("hold-{rail}")).await;
            assert_eq!(hold.state(), State::Authorized, "{rail}");
        }
        // Alipay's news of a refund only says that there is something to ask about.
        if rail != "alipay" {
            let refund = scene.refund_of(rail).await;
            assert_eq!(refund.state(), RefundState::Succeeded, "{rail}");
        }
    }
}

fn print(figures: &Figures) {
    let mut rails: BTreeMap<&str, u32> = BTreeMap::new();
    let mut verdicts: BTreeMap<&str, u32> = BTreeMap::new();
    println!("{:<10} {:<55} {:<18} cases", "rail", "kind", "verdict");
    for ((rail, kind, verdict), count) in figures {
        println!("{rail:<10} {kind:<55} {verdict:<18} {count:>5}");
        *rails.entry(rail).or_insert(0) += count;
        *verdicts.entry(verdict).or_insert(0) += count;
    }
    println!("notifications by rail: {rails:?}\nnotifications by verdict: {verdicts:?}");
}
