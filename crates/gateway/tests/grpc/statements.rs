//! Net statements over two months of trade: what the book says of each party is what its events say, and where they differ it is
//! named.

mod handed;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use jiff::tz::{TimeZone, offset};
use paifang_client::{Client, v1};
use paifang_gateway::net::{self, Heard};
use paifang_money::Currency;
use paifang_payment::AccountId;
use paifang_shares::Party;
use paifang_shares::statement::{Balances, NetStatement};
use paifang_store::net::storefront;
use tonic::Code;
use v1::FundKind as Kind;

use crate::shop::{Shop, announce, choice, create, fund, move_funds, refunding, wrong_fields};

const MALL: &str = r#"
[bundle]
name = "mall"
version = 1
note = "fees, receivers, three kinds of discounts, and who bears refunds"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "open"

[fees]
currency = "CNY"
[[fees.rules]]
id = "standard"
rate_ppm = 20_000
on_refund = "proportional"

[splits]
currency = "CNY"
receivers = [
    { receiver = "streamer", share_ppm = 100_000, on_refund = "proportional" },
    { receiver = "delivery", amount_minor = 500, on_refund = "keep" },
]

[refunds]
currency = "CNY"
[refunds.waterfalls]
merchant-first = [{ bearer = "unsettled_funds" }, { bearer = "platform", cap_ppm = 500_000 }]
[[refunds.rules]]
id = "damaged"
mode = "refund_without_return"
reasons = ["damaged"]
total_max_ppm = 1_000_000
days_max = 60
waterfall = "merchant-first"
decide_within_s = 86_400
appeal_within_s = 604_800

[discounts]
currency = "CNY"
[[discounts.rules]]
id = "festival"
funder = "platform_b"
rate_ppm = 100_000
budgeted = true
[[discounts.rules]]
id = "boost"
funder = "platform_a"
amount_minor = 200
budgeted = false
[[discounts.rules]]
id = "coupon"
funder = "merchant"
amount_minor = 300
budgeted = false
"#;

const DAY_S: i64 = 86_400;

/// Two months of trade that are over, and what was told of them.
struct Trade {
    shop: Shop,
    client: Client,
    /// Year and month of both.
    months: [(i16, i8); 2],
    events: Vec<v1::Event>,
}

impl Trade {
    async fn done() -> Self {
        let shop = Shop::open().await;
        let client = shop.client().await;
        let months = stand_at_the_end_of_a_month(&shop);
        announce(&client, MALL).await;
        let (outside, platform) = (fund(Kind::Outside), fund(Kind::Platform));
        let budget = v1::Fund { discount_id: "festival".into(), ..fund(Kind::Budget) };
        let streamer = v1::Fund { receiver: "streamer".into(), ..fund(Kind::Receiver) };
        let of_merchant = |kind| v1::Fund { merchant_id: "m-1".into(), ..fund(kind) };
        let (unsettled, balance) = (of_merchant(Kind::Unsettled), of_merchant(Kind::MerchantBalance));
        move_funds(&client, "f-1", &outside, &budget, 1_500).await.unwrap();
        let first = paid(&shop, &client, "order-1").await;
        // Its part of the budget is less: the rest of it.
        let second = paid(&shop, &client, "order-2").await;
        let back = refund(&client, "r-1", &first, 1_001).await;
        assert_eq!(back.state(), v1::RefundState::Succeeded);
        shop.script.say("refund", "refused");
        assert_eq!(refund(&client, "r-2", &first, 500).await.state(), v1::RefundState::Failed);
        // Sent and funded in the first month; that it failed is heard in the second one.
        shop.script.say("refund", "lost");
        let unheard = refund(&client, "r-6", &first, 300).await;
        assert_eq!(unheard.state(), v1::RefundState::InDoubt);
        move_funds(&client, "f-2", &unsettled, &balance, 11_500).await.unwrap();
        let waits = refund(&client, "r-3", &second, 5_000).await;
        assert_eq!(waits.state(), v1::RefundState::AwaitingFunds);
        let given_up = refund(&client, "r-4", &first, 2_000).await;
        assert_eq!(given_up.state(), v1::RefundState::AwaitingFunds);

        shop.world.advance(2 * DAY_S);
        let cancel = v1::CancelRefundRequest { request_id: "x-1".into(), refund_id: given_up.refund_id };
        client.refunds().cancel_refund(cancel).await.unwrap();
        move_funds(&client, "f-3", &outside, &platform, 9_000).await.unwrap();
        move_funds(&client, "f-4", &balance, &unsettled, 6_000).await.unwrap();
        shop.script.say("query_refund", "refused");
        see_through(&shop, &client, &unheard.refund_id, v1::RefundState::Failed).await;
        see_through(&shop, &client, &waits.refund_id, v1::RefundState::Succeeded).await;
        refund(&client, "r-5", &first, 777).await;
        reverse(&client, "v-1", &back.refund_id, Some(300), v1::RefundBearer::Platform).await;
        reverse(&client, "v-2", &back.refund_id, None, v1::RefundBearer::Unspecified).await;
        move_funds(&client, "f-5", &streamer, &outside, 600).await.unwrap();
        shop.world.advance(40 * DAY_S);
        let events = all_events(&client).await;
        Self { shop, client, months, events }
    }

    /// Every party of the book, with what the book owes it.
    async fn parties(&self) -> Vec<(Party, i64)> {
        let accounts = self.client.ledger().list_accounts(v1::ListAccountsRequest::default()).await.unwrap();
        let mut found = Vec::new();
        for account in accounts.into_inner().accounts {
            let (kind, of) = account.account_name.split_once(':').unwrap();
            if matches!(kind, "rail" | "merchant") {
                continue;
            }
            let name = of.split_once('/').map_or(kind.to_owned(), |(_, of)| format!("{kind}:{of}"));
            let request = v1::GetBalanceRequest {
                account_name: account.account_name.clone(),
                currency_code: account.currency_code,
            };
            let balance = self.client.ledger().get_balance(request).await.unwrap().into_inner().balance;
            let balance = balance.unwrap();
            let owed =
                balance.credits_posted.unwrap().minor_units - balance.debits_posted.unwrap().minor_units;
            found.push((Party::parse(&name).unwrap(), owed));
        }
        found
    }

    async fn told(&self, party: &Party, (year, month): (i16, i8)) -> v1::NetStatement {
        let request = v1::GetNetStatementRequest {
            party: net::named(party),
            year: year.into(),
            month: month.into(),
            time_zone: "+08:00".into(),
        };
        self.client.statements().get_net_statement(request).await.unwrap().into_inner().statement.unwrap()
    }

    /// The statement of what these lines tell.
    fn heard(
        &self,
        lines: &[String],
        party: &Party,
        (year, month): (i16, i8),
        owed: Balances,
    ) -> NetStatement {
        let mut heard = Heard::of(party.clone());
        for line in lines {
            heard.hear(&net::read_line(line).unwrap()).unwrap();
        }
        let period = net::period(year.into(), month.into(), "").unwrap();
        let mut statement = NetStatement::open_owing(storefront(), party.clone(), period, owed).unwrap();
        for entry in heard.entries() {
            statement.add(entry.clone()).unwrap();
        }
        statement
    }
}

/// Moves the clock to a day before a month ends that is long over, in Beijing; answers it and the next one.
fn stand_at_the_end_of_a_month(shop: &Shop) -> [(i16, i8); 2] {
    shop.world.advance(-150 * DAY_S);
    let here = shop.world.time().to_zoned(TimeZone::fixed(offset(8)));
    let month = (here.year(), here.month());
    let next = if month.1 == 12 { (month.0 + 1, 1) } else { (month.0, month.1 + 1) };
    let end = net::period(month.0.into(), month.1.into(), "").unwrap().until;
    shop.world.advance(end.as_second() - shop.world.time().as_second() - DAY_S);
    [month, next]
}

async fn paid(shop: &Shop, client: &Client, request_id: &str) -> v1::PaymentIntent {
    let facts = v1::DeclaredFacts { merchant_id: "m-1".into(), ..Default::default() };
    let choice = v1::WalletChoice { declared_facts: Some(facts), ..choice() };
    let request = v1::CreatePaymentIntentRequest { choice: Some(choice), ..create(request_id) };
    let intent = client.create_payment_intent(request).await.unwrap().payment_intent.unwrap();
    shop.notify_paid(&intent).await;
    intent
}

async fn refund(client: &Client, request_id: &str, of: &v1::PaymentIntent, fen: i64) -> v1::Refund {
    let request = refunding(request_id, of, fen);
    client.create_refund(request).await.unwrap().refund.unwrap()
}

async fn reverse(client: &Client, request_id: &str, refund_id: &str, fen: Option<i64>, to: v1::RefundBearer) {
    let request = v1::ReverseRefundDecisionRequest {
        request_id: request_id.into(),
        refund_id: refund_id.into(),
        amount: fen.map(crate::shop::cny),
        charged_to: to.into(),
        remark: "the appeal was right".into(),
    };
    client.refunds().reverse_refund_decision(request).await.unwrap();
}

/// A refund that waited for funds is sent, once they are there; one in doubt is asked for.
async fn see_through(shop: &Shop, client: &Client, refund_id: &str, wanted: v1::RefundState) {
    let lane = AccountId::parse("panda-main").unwrap();
    for _ in 0..10 {
        shop.engine.work_once(Some(&lane)).await.unwrap();
        let request = v1::GetRefundRequest { refund_id: refund_id.into() };
        let refund = client.get_refund(request).await.unwrap().refund.unwrap();
        if refund.state() == wanted {
            return;
        }
        shop.world.advance(60);
    }
    panic!("{refund_id} did not come to {wanted:?}");
}

async fn all_events(client: &Client) -> Vec<v1::Event> {
    let (mut all, mut after_cursor) = (Vec::new(), String::new());
    loop {
        let request = v1::ListEventsRequest { after_cursor, page_size: 7 };
        let page = client.list_events(request).await.unwrap();
        if page.events.is_empty() {
            return all;
        }
        after_cursor = page.next_cursor;
        all.extend(page.events);
    }
}

fn lines(events: &[v1::Event]) -> Vec<String> {
    events.iter().map(|event| net::write_line(event).unwrap()).collect()
}

/// Every event twice, the last one first.
fn disordered(events: &[v1::Event]) -> Vec<String> {
    lines(events).into_iter().rev().chain(lines(events)).collect()
}

#[tokio::test]
async fn every_party_recomputes_each_month_from_its_own_events() {
    let trade = Trade::done().await;
    let parties = trade.parties().await;
    let names: Vec<&str> = parties.iter().map(|(party, _)| party.as_str()).collect();
    let mut wanted = vec![
        "balance:m-1",
        "budget:festival",
        "discount:platform_a",
        "fee",
        "outside",
        "platform",
        "receiver:delivery",
        "receiver:streamer",
        "unsettled:m-1",
    ];
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    let lines = disordered(&trade.events);
    let (mut kinds, mut sum) = (BTreeMap::<String, usize>::new(), 0);
    for (party, owed) in &parties {
        let mut opening = Balances::new();
        for month in trade.months {
            let told = trade.told(party, month).await;
            let ours = trade.heard(&lines, party, month, opening);
            assert_eq!(told.digest, ours.digest().to_string(), "{party} {month:?} {told:?} {ours:?}");
            assert!(told.complete);
            for entry in ours.entries() {
                *kinds.entry(entry.kind.to_string()).or_default() += 1;
            }
            opening =
                ours.lines_of(&storefront()).into_iter().map(|(code, line)| (code, line.closing)).collect();
        }
        let closing = opening.get(&Currency::CNY).copied().unwrap_or_default();
        assert_eq!(closing, i128::from(*owed), "{party} closes as the account stands");
        sum += closing;
    }
    let kinds: Vec<&str> = kinds.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["bear", "discount", "discount_back", "funds", "reversal", "share", "unbear"]);
    let tenant = trade.client.ledger().list_accounts(v1::ListAccountsRequest::default()).await.unwrap();
    let clearing =
        tenant.into_inner().accounts.into_iter().find(|one| one.account_name.starts_with("merchant:"));
    let clearing = clearing.unwrap();
    let request =
        v1::GetBalanceRequest { account_name: clearing.account_name, currency_code: clearing.currency_code };
    let balance = trade.client.ledger().get_balance(request).await.unwrap().into_inner().balance.unwrap();
    let left = balance.credits_posted.unwrap().minor_units - balance.debits_posted.unwrap().minor_units;
    let shown = |event: &v1::Event| match &event.resource {
        Some(v1::event::Resource::PaymentIntent(intent)) if event.r#type == "payment_intent.succeeded" => {
            intent.amount_captured.as_ref().unwrap().minor_units
        }
        Some(v1::event::Resource::Refund(refund)) if event.r#type == "refund.succeeded" => {
            -refund.amount.as_ref().unwrap().minor_units
        }
        _ => 0,
    };
    let held: i64 = trade.events.iter().map(shown).sum();
    assert_eq!(sum + i128::from(left), i128::from(held), "all parties together have what payers paid");
}

/// The command line over the same trade.
struct Desk {
    trade: Trade,
    files: tempfile::TempDir,
}

impl Desk {
    async fn open() -> Self {
        Self { trade: Trade::done().await, files: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `paifang statement` of the streamer's second month, with these arguments besides.
    async fn statement(&self, arguments: &[&str]) -> Output {
        let (year, month) = self.trade.months[1];
        let month = format!("{year}-{month:02}");
        let of = ["statement", "--party", "receiver:streamer", "--month", month.as_str()];
        self.run(&[&of, arguments].concat()).await
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        tokio::process::Command::new(env!("CARGO_BIN_EXE_paifang"))
            .args(arguments)
            .env("PAIFANG_API_KEY", self.trade.shop.key.expose())
            .output()
            .await
            .unwrap()
    }
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

#[tokio::test]
async fn what_is_tampered_with_is_found_and_named() {
    let desk = Desk::open().await;
    let book = desk.statement(&["--json", "--gateway", &desk.trade.shop.endpoint]).await;
    let book = desk.file("book.json", &said(&book).1);
    let events = desk.file("events.jsonl", &(disordered(&desk.trade.events).join("\n") + "\n"));
    let (status, text) = said(&desk.statement(&["--compare", path(&book), path(&events)]).await);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("the other side has the same"), "{text}");

    // What the streamer is handed is enough.
    let endpoint = desk.trade.shop.endpoint.as_str();
    let handed = desk.run(&["events", "--party", "receiver:streamer", "--gateway", endpoint]).await;
    let told = String::from_utf8(handed.stderr).unwrap();
    assert!(told.contains(&format!("of {} events are about it; ", desk.trade.events.len())), "{told}");
    let handed = String::from_utf8(handed.stdout).unwrap();
    assert!(!handed.contains("Two tickets") && !handed.contains("delivery"), "{handed}");
    let handed = desk.file("handed.jsonl", &handed);
    let (status, text) = said(&desk.statement(&["--compare", path(&book), path(&handed)]).await);
    assert!(status == Some(0) && text.contains("the other side has the same"), "{text}");
    let stranger = said(&desk.run(&["events", "--party", "streamer", "--gateway", endpoint]).await);
    assert!(
        stranger.0 == Some(1) && stranger.1.contains("--party: there is no party streamer"),
        "{stranger:?}"
    );

    // The refund that was funded in the second month tells another amount; the streamer's payout was not heard.
    let mut told = desk.trade.events.clone();
    let payout = told.iter().rposition(|event| event.r#type == "funds.transferred").unwrap();
    let transfer = match told.remove(payout).resource.unwrap() {
        v1::event::Resource::FundsTransfer(transfer) => transfer.funds_transfer_id,
        other => panic!("{other:?}"),
    };
    let funded = told.iter_mut().find(|event| event.r#type == "refund.funded").unwrap();
    let Some(v1::event::Resource::Refund(refund)) = &mut funded.resource else { panic!("{funded:?}") };
    let part = &mut refund.bearing.as_mut().unwrap().receivers[0];
    assert_eq!(part.receiver, "streamer");
    part.amount.as_mut().unwrap().minor_units += 1;
    let refund = refund.refund_id.clone();
    let tampered = desk.file("tampered.jsonl", &lines(&told).join("\n"));
    let (status, text) = said(&desk.statement(&["--compare", path(&book), path(&tampered)]).await);
    assert_eq!(status, Some(1), "{text}");
    let named: Vec<&str> =
        text.lines().filter(|line| line.starts_with("DIFFERS") || line.starts_with("ONLY")).collect();
    let [differs, missing] = named.as_slice() else { panic!("{text}") };
    assert!(
        differs.starts_with("DIFFERS: here ") && differs.contains(&format!("bear:{refund}:0")),
        "{differs}"
    );
    assert!(
        missing.starts_with("ONLY THERE: ") && missing.contains(&format!("funds:{transfer}")),
        "{missing}"
    );
    assert!(text.contains("the statements differ in 2 places"), "{text}");

    // Both contents of one event cannot be.
    let both = desk.file("both.jsonl", &[lines(&told), lines(&desk.trade.events)].concat().join("\n"));
    let (status, text) = said(&desk.statement(&[path(&both)]).await);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains(&format!("entry bear:{refund}:0 came twice with different contents")), "{text}");
}

#[tokio::test]
async fn an_opening_is_what_the_month_before_closed_with() {
    let desk = Desk::open().await;
    let events = desk.file("events.jsonl", &lines(&desk.trade.events).join("\n"));
    let whole = said(&desk.statement(&["--json", path(&events)]).await).1;
    let second: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let opening = second["lines"]["CNY"]["opening"].as_str().unwrap().to_owned();
    assert_ne!(opening, "0");
    // Only what happened in the month, and what was owed before it.
    let period = net::period(desk.trade.months[1].0.into(), desk.trade.months[1].1.into(), "").unwrap();
    let late = desk
        .trade
        .events
        .iter()
        .filter(|event| event.create_time.as_ref().unwrap().seconds >= period.from.as_second());
    let late: Vec<v1::Event> = late.cloned().collect();
    assert!(late.len() < desk.trade.events.len());
    let is_failed = |event: &&v1::Event| event.r#type == "refund.failed";
    let refund_of = |event: &v1::Event| match &event.resource {
        Some(v1::event::Resource::Refund(refund)) => refund.refund_id.clone(),
        _ => String::new(),
    };
    let unheard = late.iter().filter(is_failed).map(refund_of);
    let unheard =
        unheard.filter(|id| !late.iter().any(|event| !is_failed(&event) && refund_of(event) == *id));
    assert_eq!(unheard.count(), 2, "one that was funded and one that was short in the month before");
    let late = desk.file("late.jsonl", &lines(&late).join("\n"));
    let book = desk.file("book.json", &whole);
    let given = format!("CNY={opening}");
    let compared = desk.statement(&["--opening", &given, "--compare", path(&book), path(&late)]).await;
    assert_eq!(said(&compared).0, Some(0), "{compared:?}");
    assert!(whole.contains("\"unbear:"), "what a refund of the month before gave back: {whole}");
    // With an opening of one's own the book is still held against the gateway's sum of the month.
    let of_book = desk.statement(&["--opening", "CNY=1", "--gateway", &desk.trade.shop.endpoint]).await;
    assert_eq!(said(&of_book).0, Some(0), "{of_book:?}");
    let other = desk.statement(&["--opening", "CNY=1", "--compare", path(&book), path(&late)]).await;
    let (status, text) = said(&other);
    assert!(status == Some(1) && text.contains("the opening of CNY is"), "{text}");
}

#[tokio::test]
async fn what_is_no_party_or_no_month_is_refused_by_name() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    move_funds(&client, "f-1", &fund(Kind::Outside), &fund(Kind::Platform), 5).await.unwrap();
    let here = shop.world.time().to_zoned(TimeZone::fixed(offset(8)));
    let right = v1::GetNetStatementRequest {
        party: Some(fund(Kind::Platform)),
        year: here.year().into(),
        month: here.month().into(),
        time_zone: String::new(),
    };
    let told =
        client.statements().get_net_statement(right.clone()).await.unwrap().into_inner().statement.unwrap();
    assert!(!told.complete && told.party_name == "platform");
    assert_eq!(told.lines[0].closing_minor_units, 5);
    for (wrong, fields) in [
        (v1::GetNetStatementRequest { party: None, ..right.clone() }, ["party"]),
        (
            v1::GetNetStatementRequest { party: Some(fund(Kind::Unspecified)), ..right.clone() },
            ["party.kind"],
        ),
        (
            v1::GetNetStatementRequest { party: Some(fund(Kind::Receiver)), ..right.clone() },
            ["party.receiver"],
        ),
        (v1::GetNetStatementRequest { year: 0, ..right.clone() }, ["year"]),
        (v1::GetNetStatementRequest { month: 13, ..right.clone() }, ["month"]),
        (v1::GetNetStatementRequest { year: right.year + 1, ..right.clone() }, ["month"]),
        (v1::GetNetStatementRequest { time_zone: "Asia/Peking".into(), ..right.clone() }, ["time_zone"]),
    ] {
        let error = client.statements().get_net_statement(wrong).await.unwrap_err();
        assert_eq!(wrong_fields(&error), fields);
    }
    let unknown = v1::GetNetStatementRequest { party: Some(fund(Kind::Insurance)), ..right.clone() };
    let error = client.statements().get_net_statement(unknown).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    let error = shop.other().await.statements().get_net_statement(right.clone()).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound, "another storefront's platform is another one");
    let list = v1::ListNetStatementEntriesRequest {
        party: right.party,
        year: right.year,
        month: right.month,
        page_token: "x".into(),
        ..Default::default()
    };
    let error = client.statements().list_net_statement_entries(list).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["page_token"]);
}
