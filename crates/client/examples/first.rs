//! A first program: one payment by WeChat Pay, watched to its end. See the README.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use paifang_client::{Client, v1};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(key)) = (arguments.next(), arguments.next()) else {
        return Err("usage: first ADDRESS KEY".into());
    };
    let client = Client::connect(&format!("http://{address}"), &key, None).await?;

    let request = v1::CreatePaymentIntentRequest {
        request_id: "first-rust-order".into(), // the same id again is the same intent, never a second charge
        amount: Some(v1::Money { currency_code: "CNY".into(), minor_units: 8888 }),
        description: "Two cups of tea".into(),
        choice: Some(v1::WalletChoice {
            wallet: "wechatpay".into(),
            presentation: v1::Presentation::QrShown.into(),
            client_context: Some(v1::ClientContext {
                kind: v1::ClientKind::PointOfSale.into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let made = client.create_payment_intent(request).await?;
    let intent = made.payment_intent.unwrap_or_default();
    if let Some(v1::next_action::Kind::ShowQrCode(code)) = intent.next_action.and_then(|action| action.kind) {
        println!("let the payer scan: {}", code.content);
    }

    let watched = v1::WatchPaymentIntentRequest { payment_intent_id: intent.payment_intent_id };
    let mut states = client.payment_intents().watch_payment_intent(watched).await?.into_inner();
    while let Some(news) = states.message().await? {
        println!("state {:?}", news.payment_intent.unwrap_or_default().state());
    }
    Ok(())
}
