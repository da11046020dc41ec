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
    all.extend([Flow::Short(ALIPAY), Flow::Short(UNIONPAY)]);
    all.push(Flow::GivenUp(WECHAT));
    all.push(Flow::Appeal(ALIPAY));
    all.push(Flow::Complaint);
    all.push(Flow::Rules);
    all.extend([ALIPAY, UNIONPAY].map(Flow::Bulk));
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
        Flow::LostCreation(WECHAT) => &[QUERY, &["resend.written_ahead"]],
        Flow::LostCreation(_) => &[QUERY],
        Flow::Switch(..) => &[CONFIRM, CLOSE, &["charge.written_ahead", "charge.sending", "charge.answered"]],
        Flow::Cancel(_) => &[CANCEL, CLOSE],
        Flow::Expiry(_) => &[&["expire.committed"], QUERY, &["observe.committed"]],
        Flow::Late(_) => &[NOTIFY, &["observe.committed"], REFUND_SENT],
        Flow::Capture(_) => {
            &[&["capture.deciding", "capture.committed", "capture.sending", "capture.answered"], HOLD]
        }
        Flow::LostCapture(_) => &[&["query_capture.sending", "query_capture.answered"]],
        Flow::Release(_) => &[CANCEL, &["release.sending", "release.answered"], HOLD],
        Flow::LostRelease(_) => &[&["query_release.sending", "query_release.answered"]],
        Flow::Reversal(_) => {
            &[CANCEL, &["reverse.written_ahead", "reverse.sending", "reverse.answered", "observe.committed"]]
        }
        Flow::LostReversal(_) => &[&["query_reverse.sending", "query_reverse.answered"]],
        Flow::Redirect => &[&["redirect.written_ahead"]],
        Flow::Short(_) => &[&["funds.moved", "refund.funded"], PACED, &["refund.sending", "refund.answered"]],
        Flow::GivenUp(_) => &[&["refund.changed"]],
        Flow::Appeal(_) => &[&["refund.changed"]],
        Flow::Complaint => &[&["complaint.taken", "guards.rolled_back", "rules.added"]],
        Flow::Rules => &[&["rules.added"]],
        Flow::Bulk(_) => &[&["bulk.begun", "bulk.asked"], REFUND],
    };
    parts.concat()
}

/// Every crash point of the engine; a test holds this against its source.
pub const POINTS: &[&str] = &[
    "create.deciding",
    "create.committed",
    "confirm.deciding",
    "confirm.committed",
    "charge.written_ahead",
    "charge.sending",
    "charge.answered",
    "charge.observed",
    "resend.written_ahead",
    "observe.committed",
    "notify.verified",
    "notify.committed",
    "query.sending",
    "query.answered",
    "cancel.deciding",
    "cancel.committed",
    "close.sending",
    "close.answered",
    "reverse.written_ahead",
    "reverse.sending",
    "reverse.answered",
    "query_reverse.sending",
    "query_reverse.answered",
    "expire.committed",
    "capture.deciding",
    "capture.committed",
    "hold.written_ahead",
    "hold.observed",
    "capture.sending",
    "capture.answered",
    "query_capture.sending",
    "query_capture.answered",
    "release.sending",
    "release.answered",
    "query_release.sending",
    "query_release.answered",
    "refund.deciding",
    "refund.committed",
    "refund.written_ahead",
    "refund.sending",
    "refund.answered",
    "refund.observed",
    "refund_resend.written_ahead",
    "observe_refund.committed",
    "query_refund.sending",
    "query_refund.answered",
    "redirect.written_ahead",
    "funds.moved",
    "refund.funded",
    "refund.changed",
    "complaint.taken",
    "guards.rolled_back",
    "rules.added",
    "bulk.begun",
    "bulk.asked",
];

/// Why a flow does not come by a point for certain once it has armed; `None` where nobody has said it.
pub fn why_not(flow: Flow, point: &str) -> Option<&'static str> {
    let (step, _) = point.split_once('.')?;
    let refunds = matches!(
        flow,
        Flow::Refund(_)
            | Flow::LostRefund(_)
            | Flow::Capture(_)
            | Flow::LostCapture(_)
            | Flow::Redirect
            | Flow::Short(_)
            | Flow::GivenUp(_)
            | Flow::Appeal(_)
            | Flow::Bulk(_)
    );
    Some(match step {
        "create" => "the intent is made before the flow arms: sale dies there",
        "confirm" => {
            "the wallet is chosen before the flow arms, or as in sale: sale, code and switch die there"
        }
        "charge" => "the order is made before the flow arms, or as in sale: sale, code and switch die there",
        "resend" => "only a creation without an answer is sent again, and only where the rail allows it",
        "observe" => "the same commit as without the loss, or the flow's news is of a refund",
        "notify" => {
            "whether the notification or the answer comes first is up to the machine, or the rail sends none"
        }
        "query" => "nobody has to ask while answers and notifications arrive, or only if they come late",
        "cancel" => "the flow does not give up once it has armed",
        "close" => "nothing is closed, or the rail ended the order by itself and a question finds that out",
        "reverse" => "no payer's code is given up",
        "query_reverse" => "the answer to the reversal arrives, or there is none",
        "expire" => "the flow ends before its time is over",
        "capture" => "nothing held is taken, or it is as in capture",
        "query_capture" => "the answer to the capture arrives, or there is none",
        "release" => "nothing held is given back, or it is as in release",
        "query_release" => "the answer to the release arrives, or there is none",
        "hold" => "nothing is held, or it is as in capture and release",
        "refund" | "observe_refund" if refunds => {
            "as in refund, and before the flow arms or after what it is about"
        }
        "refund" | "observe_refund" => {
            "late money goes back without a call, and nothing else does in this flow; nothing waits for its bearers"
        }
        "refund_resend" => {
            "the refund's first send is the call's own, or follows the rail's answer to a question"
        }
        "query_refund" => "the answer to the refund or its notification arrives, or there is none",
        "redirect" => "only a refund that waits for an operator is redirected",
        "funds" => "the storefront moves no funds once the flow has armed",
        "complaint" => "nobody complains",
        "guards" => "no guard rail is crossed",
        "bulk" => "no bulk refund is under way",
        "rules" => "the rules stay as they are once the flow has armed",
        _ => return None,
    })
}

/// Every planned cell.
pub fn cells() -> Vec<Cell> {
    let of = |flow: Flow| planned(flow).into_iter().map(move |point| Cell { flow, point });
    flows().into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Every text of the engine that has the form of a point's name.
    fn points_of_the_engine() -> BTreeSet<String> {
        const STEPS: [&str; 15] = [
            "deciding",
            "committed",
            "written_ahead",
            "sending",
            "answered",
            "observed",
            "verified",
            "funded",
            "changed",
            "moved",
            "added",
            "rolled_back",
            "taken",
            "begun",
            "asked",
        ];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/src");
        let mut found = BTreeSet::new();
        for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let Ok(text) = std::fs::read_to_string(file) else { continue };
            let names = text.split('"').filter(|word| {
                word.split_once('.').is_some_and(|(flow, step)| {
                    STEPS.contains(&step) && flow.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                })
            });
            found.extend(names.map(str::to_owned));
        }
        found
    }

    #[test]
    fn every_point_of_the_engine_is_in_the_matrix() {
        let known: BTreeSet<String> = POINTS.iter().map(|point| (*point).to_owned()).collect();
        assert_eq!(known, points_of_the_engine());
    }

    /// F19: a point of a flow is died at, or somebody has said why not; and each point is died at in some flow.
    #[test]
    fn f19_every_cell_is_planned_or_has_a_reason() {
        let mut died_at = BTreeSet::new();
        for flow in flows() {
            let planned = planned(flow);
            assert!(planned.iter().all(|point| POINTS.contains(point)), "{flow}: {planned:?}");
            for point in POINTS {
                let is_planned = planned.contains(point);
                assert!(is_planned || why_not(flow, point).is_some(), "{flow} at {point}");
                if is_planned {
                    died_at.insert(*point);
                }
            }
        }
        assert_eq!(died_at.len(), POINTS.len(), "{died_at:?}");
    }
}
