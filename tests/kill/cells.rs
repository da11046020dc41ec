//! The committed list: each crash point of the engine times each flow. A cell is planned, and then a full run must have died in
//! it; or it says why the flow does not come by that point for certain.

use crate::flows::{CODES, Flow};
use crate::support::{ALIPAY, HOLDS, QRS, UNIONPAY, WECHAT};

/// One place to die: the flow, and the point in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub flow: Flow,
    pub point: &'static str,
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.flow, self.point)
    }
}

/// Every flow of the matrix.
pub fn flows() -> Vec<Flow> {
    let mut all = Vec::new();
    all.extend(QRS.map(Flow::Sale));
    all.extend(QRS.map(Flow::Refund));
    all.extend(QRS.map(Flow::LostRefund));
    all.push(Flow::Code);
    all.extend([WECHAT, UNIONPAY].map(Flow::LostCreation));
    all.extend([Flow::Switch(ALIPAY, WECHAT), Flow::Switch(WECHAT, ALIPAY)]);
    all.extend([ALIPAY, WECHAT].map(Flow::Cancel));
    all.push(Flow::Expiry(WECHAT));
    all.push(Flow::Late(WECHAT));
    all.extend(HOLDS.map(Flow::Capture));
    all.extend(HOLDS.map(Flow::LostCapture));
    all.extend(HOLDS.map(Flow::Release));
    all.extend(HOLDS.map(Flow::LostRelease));
    all.extend(CODES.map(Flow::Reversal));
    all.push(Flow::LostReversal(CODES[1]));
    all.push(Flow::Redirect);
    all
}

/// The points that a flow comes by for certain after it has armed, in its own order.
pub fn planned(flow: Flow) -> Vec<&'static str> {
    const CREATE: &[&str] = &["create.deciding", "create.committed"];
    const CONFIRM: &[&str] = &["confirm.deciding", "confirm.committed"];
    const CHARGE: &[&str] = &[
        "charge.written_ahead",
        "charge.sending",
        "charge.answered",
        "observe.committed",
        "charge.observed",
    ];
    const NOTIFY: &[&str] = &["notify.verified", "notify.committed"];
    const REFUND: &[&str] = &["refund.deciding", "refund.committed"];
    const REFUND_SENT: &[&str] = &[
        "refund.written_ahead",
        "refund.sending",
        "refund.answered",
        "observe_refund.committed",
        "refund.observed",
    ];
    const PACED: &[&str] = &["refund_resend.written_ahead"];
    const CANCEL: &[&str] = &["cancel.deciding", "cancel.committed"];
    const CLOSE: &[&str] = &["close.sending", "close.answered", "observe.committed"];
    const QUERY: &[&str] = &["query.sending", "query.answered"];
    const HOLD: &[&str] = &["hold.written_ahead", "observe.committed", "hold.observed"];
    let parts: &[&[&str]] = match flow {
        Flow::Sale(_) => &[CREATE, CONFIRM, CHARGE, NOTIFY],
        Flow::Refund(UNIONPAY) => &[REFUND, REFUND_SENT, NOTIFY],
        Flow::Refund(WECHAT) => &[REFUND, PACED, REFUND_SENT, NOTIFY],
        Flow::Refund(_) => &[REFUND, PACED, REFUND_SENT],
        Flow::LostRefund(_) => &[&["query_refund.sending", "query_refund.answered"]],
        Flow::Code => &[CONFIRM, CHARGE, QUERY],
        Flow::LostCreation(_) => &[QUERY, &["resend.written_ahead"]],
        Flow::Switch(..) => &[CONFIRM, CLOSE, &["charge.written_ahead", "charge.sending", "charge.answered"]],
        Flow::Cancel(_) => &[CANCEL, CLOSE],
        Flow::Expiry(_) => &[&["expire.committed"], CLOSE],
        Flow::Late(_) => &[NOTIFY, &["observe.committed"], REFUND_SENT],
        Flow::Capture(_) => {
            &[&["capture.deciding", "capture.committed", "capture.sending", "capture.answered"], HOLD]
        }
        Flow::LostCapture(_) => &[&["query_capture.sending", "query_capture.answered"]],
        Flow::Release(_) => &[CANCEL, &["release.sending", "release.answered"], HOLD],
        Flow::LostRelease(_) => &[&["query_release.sending", "query_release.answered"]],
        Flow::Reversal(_) => &[CANCEL, &["reverse.sending", "reverse.answered", "observe.committed"]],
        Flow::LostReversal(_) => &[&["query_reverse.sending", "query_reverse.answered"]],
        Flow::Redirect => &[&["redirect.written_ahead"]],
    };
    parts.concat()
}

/// Every planned cell.
pub fn cells() -> Vec<Cell> {
    let of = |flow: Flow| planned(flow).into_iter().map(move |point| Cell { flow, point });
    flows().into_iter().flat_map(of).collect()
}
