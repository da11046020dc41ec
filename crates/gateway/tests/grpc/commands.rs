//! `paifang policy` over a running gateway: each change at most once, what stands against it, and where the rules stand.

use std::path::PathBuf;

use paifang_client::{Client, v1};
use serde_json::{Value, json};

use crate::shop::{Shop, create};

const WALLS: &str = r#"
[bundle]
name = "walls"
version = 1
note = "bamboo for everybody"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "all"
wallet = "bamboo"
show = true
accept = true
"#;

const KILL: &str = "\n[[kill]]\nid = \"no-bamboo\"\nwallet = \"bamboo\"\nnote = \"it fails\"\n";

/// An operator with the storefront's key.
struct Desk {
    shop: Shop,
    files: tempfile::TempDir,
}

impl Desk {
    async fn open() -> Self {
        Self { shop: Shop::open().await, files: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The status of `paifang policy` with these arguments, what it printed, and what it complained of.
    async fn policy(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_paifang"))
            .arg("policy")
            .args(arguments)
            .args(["--gateway", &self.shop.endpoint])
            .env("PAIFANG_API_KEY", self.shop.key.expose())
            .output()
            .await
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// What it printed, of a command that was carried out.
    async fn done(&self, arguments: &[&str]) -> String {
        let (status, out, err) = self.policy(arguments).await;
        assert_eq!((status, err.as_str()), (0, ""), "{arguments:?} {out}");
        out
    }

    async fn draft(&self, version: u32, more: &str) -> String {
        let text = WALLS.replace("version = 1", &format!("version = {version}")) + more;
        let file = self.file(&format!("{version}.toml"), &text);
        self.done(&["draft", file.to_str().unwrap()]).await
    }
}

async fn changes(client: &Client) -> usize {
    let all = v1::ListPolicyChangesRequest { after_position: 0, page_size: 200 };
    client.list_policy_changes(all).await.unwrap().changes.len()
}

#[tokio::test]
async fn rules_are_changed_from_the_command_line() {
    let desk = Desk::open().await;
    let client = desk.shop.client().await;
    assert_eq!(desk.done(&["list"]).await, "there are no rules: everything that works is open\n");
    let told = desk.draft(1, "").await;
    assert!(
        told.starts_with("version 1 is written\nwalls: no version decides\n  version 1    draft\n"),
        "{told}"
    );
    let told = desk.done(&["announce", "1"]).await;
    assert!(told.starts_with("version 1 decides now\nwalls: version 1 decides since "), "{told}");
    let shown = desk.done(&["show"]).await;
    assert_eq!(shown, WALLS, "to the letter, so that the next version can be made of it");

    // The recipe of the help: what decides, with a kill switch, as the next version.
    desk.draft(2, KILL).await;
    desk.done(&["announce", "2"]).await;
    let refused = client.create_payment_intent(create("order-1")).await.unwrap_err();
    assert!(refused.message().contains("no-bamboo"), "{refused:?}");
    let help = desk.policy(&["--help"]).await.1;
    for words in ["[[kill]]", "paifang policy announce VERSION", "paifang policy roll-back OPENING"] {
        assert!(help.contains(words), "{help}");
    }

    desk.draft(3, "").await;
    let later = ["announce", "3", "--at", "2099-01-01T00:00:00+08:00", "--without-kill", "no-bamboo"];
    let later = desk.done(&later).await;
    assert!(later.starts_with("version 3 decides from 2098-12-31T16:00:00Z on\n"), "{later}");
    assert!(later.contains("  version 3    announced, from 2098-12-31T16:00:00Z on\n"), "{later}");
    assert!(later.contains("  version 2    decides") && later.contains("  version 1    retired"), "{later}");
    assert!(desk.done(&["recall", "3"]).await.starts_with("version 3 is a draft again\n"));
    let closed = desk.done(&["roll-back", "all", "--remark", "li.lei: it fails"]).await;
    assert!(closed.starts_with("all is closed for new payments\n"), "{closed}");
    assert!(
        closed.contains("all is rolled back since ") && closed.contains("(li.lei: it fails)"),
        "{closed}"
    );
    assert!(desk.done(&["reopen", "all", "--remark", "li.lei: well"]).await.starts_with("all is open again"));
    assert!(desk.done(&["retire", "2"]).await.contains("\nwalls: no version decides\n"));
    let before: Value = serde_json::from_str(&desk.done(&["list", "--json"]).await).unwrap();
    assert_eq!((&before["name"], before["versions"].as_array().unwrap().len()), (&json!("walls"), 3));
    let named: Value = serde_json::from_str(&desk.done(&["show", "1", "--json"]).await).unwrap();
    assert_eq!(named, json!({ "version": 1, "bundle": WALLS }));
    assert_eq!(changes(&client).await, 10, "one for each command that changes something");
}

#[tokio::test]
async fn a_kill_is_given_up_by_name_only() {
    let desk = Desk::open().await;
    desk.draft(1, "").await;
    desk.done(&["announce", "1"]).await;
    desk.draft(2, "").await;
    let later = ["announce", "2", "--at", "2099-01-01T00:00:00+08:00"];
    desk.done(&later).await;
    desk.draft(3, KILL).await;
    let told = desk.done(&["announce", "3"]).await;
    let lacks = "  version 2    draft, again: it lacks the kill switch no-bamboo of version 3\n";
    assert!(told.starts_with("version 3 decides now\n") && told.contains(lacks), "{told}");
    let (status, _, told) = desk.policy(&later).await;
    assert!(status == 1 && told.contains("POLICY_STEP_REFUSED: ") && told.contains("no-bamboo"), "{told}");
    let told = desk.done(&[&later[..], &["--without-kill", "no-bamboo"]].concat()).await;
    assert!(told.contains("  version 2    announced, from 2098-12-31T16:00:00Z on\n"), "{told}");
}

#[tokio::test]
async fn the_same_command_again_changes_nothing() {
    let desk = Desk::open().await;
    let client = desk.shop.client().await;
    let again = |told: &str| {
        told.starts_with("call ") && told.contains(" was there before: nothing was changed now\n")
    };
    for _ in 0..2 {
        desk.draft(1, "").await;
    }
    assert_eq!(changes(&client).await, 1);
    assert!(!again(&desk.done(&["announce", "1"]).await));
    assert!(again(&desk.done(&["announce", "1"]).await));
    let roll_back = ["roll-back", "all", "--remark", "li.lei: it fails"];
    let reopen = ["reopen", "all", "--remark", "li.lei: well"];
    assert!(!again(&desk.done(&roll_back).await));
    assert!(again(&desk.done(&roll_back).await));
    desk.done(&reopen).await;
    // The very same words, and another change: it was open in between.
    let closed = desk.done(&roll_back).await;
    assert!(!again(&closed) && closed.contains("all is rolled back since "), "{closed}");
    assert_eq!(changes(&client).await, 5);

    // With an id of one's own it is the id that counts.
    let named = [&reopen[..], &["--request-id", "shift-7", "--json"][..]].concat();
    let told = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let first = told(desk.done(&named).await);
    assert_eq!((&first["request_id"], &first["replayed"]), (&json!("shift-7"), &json!(false)));
    desk.done(&roll_back).await;
    let second = told(desk.done(&named).await);
    assert_eq!(
        (&second["replayed"], &second["policy"]["rolledBackOpenings"]),
        (&json!(true), &json!(["all"]))
    );
    let said = desk.done(&[&reopen[..], &["--request-id", "shift-7"]].concat()).await;
    assert!(said.starts_with("call shift-7 was there before: nothing was changed now\n"), "{said}");
    assert_eq!(changes(&client).await, 7);
}

#[tokio::test]
async fn what_stands_against_a_command_is_told_with_reason_and_hint() {
    let desk = Desk::open().await;
    let (status, _, told) = desk.policy(&["announce", "1"]).await;
    assert!(status == 1 && told.starts_with("paifang: RESOURCE_NOT_FOUND: "), "{told}");
    let wrong = desk.file("wrong.toml", &WALLS.replace("show = true", "show = 1"));
    let wrong = wrong.to_str().unwrap();
    let (status, _, told) = desk.policy(&["draft", wrong]).await;
    assert!(status == 64 && told.contains("  bundle: 12:8: opening[0].show: it is a whole number"), "{told}");
    assert!(
        told.contains("`paifang policy check`") && told.contains("docs/errors/INVALID_REQUEST.md"),
        "{told}"
    );
    let (status, told, err) = desk.policy(&["draft", wrong, "--json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((status, err.as_str(), &told["error"]["reason"]), (64, "", &json!("INVALID_REQUEST")));
    assert_eq!(told["error"]["violations"][0]["field"], "bundle");

    desk.draft(1, "").await;
    desk.done(&["announce", "1"]).await;
    desk.done(&["roll-back", "all", "--remark", "li.lei: it fails"]).await;
    let other =
        desk.file("2.toml", &WALLS.replace("version = 1", "version = 2").replace("\"all\"", "\"new\""));
    desk.done(&["draft", other.to_str().unwrap()]).await;
    let (status, _, told) = desk.policy(&["announce", "2"]).await;
    assert!(status == 1 && told.contains("POLICY_STEP_REFUSED: version 2 has no opening all"), "{told}");
    assert!(told.contains("`paifang policy list`"), "{told}");
    desk.done(&["announce", "2", "--without-opening", "all"]).await;
    let (status, told, _) = desk.policy(&["recall", "1", "--json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((status, &told["error"]["reason"]), (1, &json!("POLICY_STEP_REFUSED")), "{told}");
    assert!(told["error"]["hint"].as_str().unwrap().starts_with("nothing was changed"), "{told}");
}
