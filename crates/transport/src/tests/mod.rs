//! The transport against servers that misbehave, over real sockets on loopback.

mod faults;
mod files;
mod limits;
mod server;
mod tls;

use paifang_rail::{Exchange, Method};

/// A charge, as far as the transport is concerned.
fn exchange(url: &str) -> Exchange {
    Exchange {
        method: Method::Post,
        url: format!("{url}/v3/pay?order=1%2F2"),
        headers: vec![
            ("Wechatpay-Serial", "ABC".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("Authorization", "SECRET-CANARY".to_owned()),
        ],
        body: br#"{"total":1}"#.to_vec(),
    }
}
