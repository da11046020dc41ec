//! The calls about bills: where to fetch one, and fetching it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use super::answers::{Answer, Refusal};
use super::api::parameter;
use super::bill::{self, ADDRESS_LIFE, Kind, NoBill};
use super::{Done, WechatPay, ids};
use crate::server::SCHEME_HEADER;
use crate::{RailRequest, locked};

/// How many addresses are remembered; the oldest give way.
const ADDRESSES_MAX: usize = 1_000;

/// One download address.
#[derive(Clone)]
pub(super) struct Address {
    kind: Kind,
    day: Date,
    packed: bool,
    until: Timestamp,
}

impl WechatPay {
    /// Says where the bill lies, and its digest: of the file before it is packed.
    pub(super) fn bill_address(
        &self,
        request: &RailRequest,
        funds: bool,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let query = request.query();
        let kind = kind_of(query, funds)?;
        let bad = |message: &str| Refusal::new(400, "INVALID_REQUEST", message, 268_435_461);
        let day = parameter(query, "bill_date").unwrap_or_default();
        let day: Date =
            day.parse().ok().filter(|_| day.len() == 10).ok_or_else(|| bad("账单日期格式不正确"))?;
        let packed = match parameter(query, "tar_type").as_deref() {
            None => false,
            Some("GZIP") => true,
            Some(_) => return Err(bad("压缩类型不正确")),
        };
        let mut state = locked(&self.state);
        let file =
            bill::file(&state.trades, &self.keys.account, kind, day, now).map_err(|none| match none {
                NoBill::BadDay => bad("账单日期不正确"),
                NoBill::NotYet => {
                    Refusal::new(400, "STATEMENT_CREATING", "账单生成中，请稍后再试", 268_435_461)
                }
                NoBill::Empty => Refusal::new(400, "NO_STATEMENT_EXIST", "账单文件不存在", 268_435_461),
            })?;
        state.addresses.retain(|_, address| address.until > now);
        if state.addresses.len() >= ADDRESSES_MAX {
            state.addresses.clear();
        }
        let token = ids::token();
        let until = now.saturating_add(ADDRESS_LIFE).unwrap_or(now);
        state.addresses.insert(token.clone(), Address { kind, day, packed, until });
        let scheme = request.header(SCHEME_HEADER).unwrap_or("http");
        let host = request.header("host").unwrap_or_else(|| self.bench.origin.trim_start_matches("http://"));
        let suffix = if packed { "&tartype=gzip" } else { "" };
        let body = json!({
            "download_url": format!("{scheme}://{host}/v3/billdownload/file?token={token}{suffix}"),
            "hash_type": "SHA1",
            "hash_value": bill::sha1(&file),
        });
        Ok(Answer::json(&body).into())
    }

    /// The file itself. The request is signed like any other, the answer is not.
    pub(super) fn bill_file(&self, query: &str, now: Timestamp) -> Result<Done, Refusal> {
        let gone = || Refusal::new(400, "INVALID_REQUEST", "token已过期或不存在", 268_435_461);
        let token = parameter(query, "token").ok_or_else(gone)?;
        let state = locked(&self.state);
        let address = state.addresses.get(&token).filter(|address| now < address.until).ok_or_else(gone)?;
        let file = bill::file(&state.trades, &self.keys.account, address.kind, address.day, now);
        let file = file.map_err(|_| gone())?;
        let file = if address.packed { bill::packed(&file).unwrap_or(file) } else { file };
        Ok(Answer::File(file).into())
    }
}

fn kind_of(query: &str, funds: bool) -> Result<Kind, Refusal> {
    let bad = |message: &str| Refusal::new(400, "PARAM_ERROR", message, 268_435_461);
    if funds {
        return match parameter(query, "account_type").as_deref() {
            // This merchant has one account.
            None | Some("BASIC") => Ok(Kind::Funds),
            Some("OPERATION" | "FEES") => {
                Err(Refusal::new(400, "NO_STATEMENT_EXIST", "账单文件不存在", 268_435_461))
            }
            Some(_) => Err(bad("资金账户类型不正确")),
        };
    }
    match parameter(query, "bill_type").as_deref() {
        None | Some("ALL") => Ok(Kind::All),
        Some("SUCCESS") => Ok(Kind::Success),
        Some("REFUND") => Ok(Kind::Refund),
        Some(_) => Err(bad("账单类型不正确")),
    }
}
