//! The CSV files inside a bill: GBK, CRLF (unconfirmed), a frame of lines that start with `#`, a TAB behind text cells.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use super::{Line, Period};
use crate::alipay::biz::yuan;
use crate::alipay::material::Account;
use crate::alipay::time;
use crate::alipay::wire::Charset;

/// What stands around the rows.
#[derive(Clone, Debug)]
pub(in crate::alipay) struct Frame {
    pub(in crate::alipay) account_no: String,
    pub(in crate::alipay) period: Period,
    pub(in crate::alipay) exported: Timestamp,
}

/// One file: name and bytes, both in GBK.
pub(in crate::alipay) struct Entry {
    pub(in crate::alipay) name: Vec<u8>,
    pub(in crate::alipay) content: Vec<u8>,
}

const DETAIL: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,\
    对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,\
    券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";
const SUMMARY: &str = "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,\
    商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）";
const MOVES: &str = "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,\
    账户余额（元）,交易渠道,业务类型,备注";
const MOVES_SUMMARY: &str = "类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）,总金额（元）";
const DASHES: &str = "-----------------------------------------";

impl Frame {
    /// A whole file: head, list, and what stands behind it.
    fn file(
        &self,
        what: &str,
        title: &str,
        list: &str,
        header: &str,
        rows: &[String],
        tail: &[String],
    ) -> Entry {
        let mut lines = vec![
            format!("#支付宝{title}查询"),
            format!("#账号：[{}]", self.account_no),
            format!("#起始日期：[{}]   终止日期：[{}]", day(self.period.first), day(self.period.end)),
            format!("#{DASHES}{list}{}", &DASHES[..40]),
            header.to_owned(),
        ];
        lines.extend_from_slice(rows);
        lines.push(format!("#{DASHES}{list}结束{}", &DASHES[..36]));
        lines.extend_from_slice(tail);
        lines.push(format!("#导出时间：[{}]", moment(self.exported)));
        let name = format!("{}_{}_{what}.csv", self.account_no, self.period.digits());
        let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        Entry { name: Charset::Gbk.encode(&name), content: Charset::Gbk.encode(&text) }
    }
}

fn day(date: Date) -> String {
    date.strftime("%Y年%m月%d日 00:00:00").to_string()
}

fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::fixed(Offset::constant(8))).strftime("%Y年%m月%d日 %H:%M:%S").to_string()
}

/// A cell must stay one: no comma, no line end, no quote.
fn cell(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ',' | '\r' | '\n' | '\t' | '"') { ' ' } else { c }).collect()
}

fn detail(line: &Line, account: &Account) -> String {
    let kind = if line.out_request_no.is_some() { "退款" } else { "交易" };
    let amount = yuan(line.fen);
    let request = line.out_request_no.as_deref().map_or_else(|| "\t".to_owned(), cell);
    [
        format!("{}\t", line.trade_no),
        format!("{}\t", line.out_trade_no),
        format!("{kind}\t"),
        cell(&line.subject),
        time::text(line.created),
        time::text(line.done),
        format!("{}\t", cell(&line.store_id)),
        "\t".to_owned(),
        format!("{}\t", cell(&line.operator_id)),
        format!("{}\t", cell(&line.terminal_id)),
        format!("{}\t", account.buyer_logon_id),
        amount.clone(),
        amount,
        "0.00".to_owned(),
        "0.00".to_owned(),
        "0.00".to_owned(),
        "0.00".to_owned(),
        "0.00".to_owned(),
        String::new(),
        "0.00\t".to_owned(),
        "0.00".to_owned(),
        request,
        yuan(line.fee_fen),
        "0.00".to_owned(),
        cell(&line.note),
    ]
    .join(",")
}

/// What rows add up to.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    payments: u32,
    paid_fen: i64,
    refunds: u32,
    refunded_fen: i64,
    fee_fen: i64,
}

impl Sum {
    fn add(&mut self, line: &Line) {
        self.fee_fen += line.fee_fen;
        if line.out_request_no.is_some() {
            self.refunds += 1;
            self.refunded_fen += line.fen;
        } else {
            self.payments += 1;
            self.paid_fen += line.fen;
        }
    }

    fn row(&self, name: &str) -> String {
        let fen = self.paid_fen + self.refunded_fen;
        let (payments, refunds) = (self.payments, self.refunds);
        let (amount, fee, net) = (yuan(fen), yuan(self.fee_fen), yuan(fen + self.fee_fen));
        format!("{name}\t,\t,{payments},{refunds},{amount},{amount},0.00,0.00,0.00,{fee},0.00,{net}")
    }
}

/// The trade bill: detail and summary.
pub(in crate::alipay) fn trade(frame: &Frame, lines: &[Line], account: &Account) -> Vec<Entry> {
    let rows: Vec<String> = lines.iter().map(|line| detail(line, account)).collect();
    let (mut all, mut stores) = (Sum::default(), BTreeMap::<&str, Sum>::new());
    for line in lines {
        all.add(line);
        stores.entry(line.store_id.as_str()).or_default().add(line);
    }
    let tail = [
        format!("#交易合计：{}笔，商家实收共{}元，商家优惠共0.00元", all.payments, yuan(all.paid_fen)),
        format!(
            "#退款合计：{}笔，商家实收退款共{}元，商家优惠退款共0.00元",
            all.refunds,
            yuan(all.refunded_fen)
        ),
    ];
    let mut sums: Vec<String> = stores.iter().map(|(store, sum)| sum.row(&cell(store))).collect();
    sums.push(all.row("合计"));
    vec![
        frame.file("业务明细", "业务明细", "业务明细列表", DETAIL, &rows, &tail),
        frame.file("业务明细(汇总)", "业务汇总", "业务汇总列表", SUMMARY, &sums, &[]),
    ]
}

/// One movement of the account.
struct Move<'a> {
    kind: &'static str,
    line: &'a Line,
    fen: i64,
}

/// The account bill: each payment and refund, and each fee. All lines of the book are given, for the balance.
pub(in crate::alipay) fn signcustomer(frame: &Frame, lines: &[Line], account: &Account) -> Vec<Entry> {
    let mut rows = Vec::new();
    let mut kinds = BTreeMap::<&str, [(u32, i64); 2]>::new();
    let mut balance = 0;
    for (number, step) in lines.iter().flat_map(moves).enumerate() {
        balance += step.fen;
        if !frame.period.holds(step.line.done) {
            continue;
        }
        let side = kinds.entry(step.kind).or_default().get_mut(usize::from(step.fen < 0));
        if let Some((count, sum)) = side {
            *count += 1;
            *sum += step.fen;
        }
        rows.push(movement(&step, number, balance, account));
    }
    let total = |side: usize| {
        let of = |sums: &[(u32, i64); 2]| sums.get(side).copied().unwrap_or_default();
        kinds.values().map(of).fold((0, 0), |(n, sum), (more, fen)| (n + more, sum + fen))
    };
    let ((ins, in_fen), (outs, out_fen)) = (total(0), total(1));
    let tail = [
        format!("#支出合计：{outs}笔，共{}元", yuan(-out_fen)),
        format!("#收入合计：{ins}笔，共{}元", yuan(in_fen)),
    ];
    let sum_row = |name: &str, [(ins, in_fen), (outs, out_fen)]: [(u32, i64); 2]| {
        format!("{name},{ins},{},{outs},{},{}", yuan(in_fen), yuan(out_fen), yuan(in_fen + out_fen))
    };
    let mut sums: Vec<String> = kinds.iter().map(|(kind, sides)| sum_row(kind, *sides)).collect();
    sums.push(sum_row("合计", [(ins, in_fen), (outs, out_fen)]));
    vec![
        frame.file("账务明细", "账务明细", "账务明细列表", MOVES, &rows, &tail),
        frame.file("账务明细(汇总)", "账务汇总", "账务汇总列表", MOVES_SUMMARY, &sums, &[]),
    ]
}

fn moves(line: &Line) -> impl Iterator<Item = Move<'_>> {
    let (kind, fee) = if line.fen < 0 { ("交易退款", "退费") } else { ("在线支付", "收费") };
    let both = [Move { kind, line, fen: line.fen }, Move { kind: fee, line, fen: line.fee_fen }];
    both.into_iter().filter(|step| step.fen != 0)
}

fn movement(step: &Move<'_>, number: usize, balance: i64, account: &Account) -> String {
    let (income, outgo) =
        if step.fen < 0 { (String::new(), yuan(step.fen)) } else { (yuan(step.fen), String::new()) };
    let line = step.line;
    [
        format!("{}{:012}\t", time::day(line.done), number + 1),
        format!("{}\t", line.trade_no),
        format!("{}\t", line.out_trade_no),
        cell(&line.subject),
        time::text(line.done),
        format!("{}\t", account.buyer_logon_id),
        income,
        outgo,
        yuan(balance),
        "支付宝".to_owned(),
        step.kind.to_owned(),
        cell(&line.note),
    ]
    .join(",")
}
