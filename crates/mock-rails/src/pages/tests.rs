//! The pages over HTTP, with a rail that has one order of a hostile merchant.

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use fast_qr::QRBuilder;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use image::{GrayImage, ImageFormat, Luma};
use serde_json::{Value, json};

use super::picture;
use crate::book::BookEntry;
use crate::journal::JournalEntry;
use crate::start::Rail;
use crate::testing::send;
use crate::{
    Bench, Files, MockRails, Options, PayerAct, PayerError, PayerTarget, RailMock, RailReply, RailRequest,
    WalletView, locked,
};

const HOSTILE: &str = "<script>alert('1')</script>\"&";
const QR: &str = "https://qr.example/abc?x=1&y=2";

struct Kiosk {
    bench: Bench,
    state: Mutex<&'static str>,
}

fn kiosk(bench: Bench, _: &Options) -> Arc<dyn RailMock> {
    Arc::new(Kiosk { bench, state: Mutex::new("WAIT") })
}

impl RailMock for Kiosk {
    fn name(&self) -> &'static str {
        "kiosk"
    }

    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply> {
        self.bench.journal.record(JournalEntry {
            at: self.bench.clock.now(),
            method: request.method.to_string(),
            path: request.path().to_owned(),
            operation: HOSTILE.to_owned(),
            order_no: None,
            verdict: "SIGN_ERROR".to_owned(),
            refused: true,
            expected: Some(format!("POST\n{HOSTILE}\n")),
        });
        std::future::ready(RailReply::new(StatusCode::UNAUTHORIZED, "text/plain", "no")).boxed()
    }

    fn payer(&self, act: PayerAct) -> Result<Value, PayerError> {
        let mut state = locked(&self.state);
        match act {
            PayerAct::Scan(PayerTarget::Qr(code)) if code == QR => {}
            PayerAct::Scan(_) => return Err(PayerError::NoSuchOrder),
            PayerAct::Pay { .. } if *state == "WAIT" => *state = "PAID",
            PayerAct::Pay { .. } => return Err(PayerError::NotPayable { state: (*state).to_owned() }),
            PayerAct::Decline(_) => *state = "TURNED AWAY",
            PayerAct::IssueCode(_) => return Ok(json!({ "code": "281234567890123456" })),
        }
        Ok(json!({}))
    }

    fn book(&self) -> Vec<BookEntry> {
        Vec::new()
    }

    fn orders(&self) -> Vec<WalletView> {
        let state = *locked(&self.state);
        vec![WalletView {
            order_no: "A/1?".into(),
            handle: Some(QR.into()),
            merchant: HOSTILE.into(),
            description: HOSTILE.into(),
            fen: 1_205,
            state: state.to_owned(),
            payable: state == "WAIT",
            expires_at: Some(self.bench.clock.now()),
        }]
    }

    fn expire_due(&self) {}
}

async fn started() -> MockRails {
    MockRails::start_these(
        Options::default(),
        &[Rail { name: "kiosk", build: kiosk, known: Files::new, forge: |_, _| Ok(Files::new()) }],
    )
    .await
    .unwrap()
}

async fn get(rails: &MockRails, path: &str) -> (StatusCode, HeaderMap, String) {
    let (status, headers, body) =
        send(Method::GET, &format!("{}{path}", rails.control_url()), &[], "").await.unwrap();
    (status, headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn post(rails: &MockRails, path: &str, kind: &str, body: Vec<u8>) -> (StatusCode, String, String) {
    let headers = [("content-type", kind)];
    let (status, headers, body) =
        send(Method::POST, &format!("{}{path}", rails.control_url()), &headers, body).await.unwrap();
    let to = headers.get(LOCATION).map_or(String::new(), |to| to.to_str().unwrap().to_owned());
    (status, to, String::from_utf8(body.to_vec()).unwrap())
}

const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=b";

fn part(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    [head.as_bytes(), bytes, b"\r\n--b--\r\n"].concat()
}

/// A photograph, more or less: the code in grey on grey, with a border.
fn photograph(text: &str) -> Vec<u8> {
    let code = QRBuilder::new(text).build().unwrap();
    let (size, pixel) = (code.size, 7);
    let side = u32::try_from((size + 10) * pixel).unwrap();
    let mut picture = GrayImage::from_pixel(side, side, Luma([200]));
    for (y, x) in (0..size).flat_map(|y| (0..size).map(move |x| (y, x))) {
        if !code[y][x].value() {
            continue;
        }
        for (dy, dx) in (0..pixel).flat_map(|dy| (0..pixel).map(move |dx| (dy, dx))) {
            let at = |n: usize, d: usize| u32::try_from((n + 5) * pixel + d).unwrap();
            picture.put_pixel(at(x, dx), at(y, dy), Luma([60]));
        }
    }
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

#[tokio::test]
async fn an_order_is_scanned_as_text_or_picture_and_paid_once() {
    let rails = started().await;
    for body in [part("code", QR.as_bytes()), part("picture", &photograph(QR))] {
        let (status, to, page) = post(&rails, "/wallet/kiosk/scan", PARTS, body).await;
        assert_eq!(
            (status, to.as_str()),
            (StatusCode::SEE_OTHER, "/wallet/kiosk?order=A%2F1%3F&said=scanned"),
            "{page}"
        );
        let (_, _, page) = get(&rails, &to).await;
        assert!(page.contains("card found") && page.contains("¥12.05"), "{page}");
    }
    let form = b"order_no=A%2F1%3F".to_vec();
    let (status, to, _) = post(&rails, "/wallet/kiosk/pay", FORM, form.clone()).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/wallet/kiosk?order=A%2F1%3F&said=paid"));
    let (_, _, page) = get(&rails, &to).await;
    assert!(page.contains("PAID") && !page.contains("data-testid=\"pay\""), "{page}");
    let (status, _, page) = post(&rails, "/wallet/kiosk/pay", FORM, form).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("cannot do this in its state PAID"), "{page}");
}

#[tokio::test]
async fn what_cannot_be_scanned_is_told() {
    let rails = started().await;
    let blank = photograph("x")[..40].to_vec();
    let white = {
        let mut png = Cursor::new(Vec::new());
        GrayImage::from_pixel(50, 50, Luma([255])).write_to(&mut png, ImageFormat::Png).unwrap();
        png.into_inner()
    };
    for (body, status, told) in [
        (part("code", b"https://elsewhere/"), 404, "no such order"),
        (part("code", b"  "), 400, "give the code"),
        (part("other", b"x"), 400, "there is no field other"),
        (part("picture", &blank), 400, "no PNG or JPEG"),
        (part("picture", &white), 400, "no readable QR code"),
    ] {
        let (found, _, page) = post(&rails, "/wallet/kiosk/scan", PARTS, body).await;
        assert_eq!(found.as_u16(), status, "{page}");
        assert!(page.contains(told), "{told}: {page}");
    }
    for path in ["/wallet/none", "/journal/none", "/journal/kiosk/77"] {
        assert_eq!(get(&rails, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_payment_code_is_text_and_a_picture() {
    let rails = started().await;
    let (status, _, page) = post(&rails, "/wallet/kiosk/code", FORM, b"outcome=pays".to_vec()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("281234567890123456") && page.contains("data:image/svg+xml;base64,"), "{page}");
    assert!(picture::draw("281234567890123456").unwrap().starts_with("<svg"));
    assert_eq!(picture::draw(&"x".repeat(9_000)), None, "longer than any QR code");
}

#[tokio::test]
async fn values_are_escaped_and_nothing_is_loaded_from_elsewhere() {
    let rails = started().await;
    send(Method::POST, &format!("{}/pay?a={}", rails.url("kiosk"), "%3Cb%3E"), &[], HOSTILE).await.unwrap();
    let (_, to, _) = post(&rails, "/wallet/kiosk/scan", PARTS, part("code", QR.as_bytes())).await;
    for path in ["/wallet/kiosk", &to, "/journal/kiosk", "/journal/kiosk?refused=1", "/journal/kiosk/1"] {
        let (status, headers, page) = get(&rails, path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!page.contains("<script") && !page.contains("http-equiv"), "{path}: {page}");
        assert!(page.contains("&lt;script&gt;"), "{path}: {page}");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!page.contains("src=\"http") && !page.contains("href=\"http"), "{path}: {page}");
        assert!(headers[CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    }
}

#[tokio::test]
async fn a_refused_request_shows_what_should_have_been_signed() {
    let rails = started().await;
    let url = format!("{}/v3/pay?id=7", rails.url("kiosk"));
    send(Method::POST, &url, &[("authorization", "MINE sign")], "{\"a\":1}").await.unwrap();
    let (_, _, list) = get(&rails, "/journal/kiosk?refused=1").await;
    assert!(list.contains("data-refused") && list.contains("SIGN_ERROR"), "{list}");
    let (_, _, page) = get(&rails, "/journal/kiosk/1").await;
    for shown in [
        "Refused: ",
        "POST\n&lt;script",
        "/v3/pay?id=7",
        "authorization: MINE sign",
        "{&quot;a&quot;:1}",
        "401 Unauthorized",
        "no",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

/// A page of another site cannot pay in the reader's name.
#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let rails = started().await;
    let url = format!("{}/wallet/kiosk/pay", rails.control_url());
    let own = rails.control_url();
    for (headers, wanted) in [
        ([("content-type", FORM), ("origin", "http://evil.example")], StatusCode::FORBIDDEN),
        ([("content-type", FORM), ("origin", "null")], StatusCode::FORBIDDEN),
        ([("content-type", FORM), ("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        ([("content-type", FORM), ("origin", own.as_str())], StatusCode::SEE_OTHER),
    ] {
        let (status, _, _) = send(Method::POST, &url, &headers, "order_no=1").await.unwrap();
        assert_eq!(status, wanted, "{headers:?}");
    }
}
