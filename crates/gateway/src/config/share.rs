//! What a rail account may be told: `share` of `[[rail]]`, and of `[[rail.tenant]]` for one storefront. Lists of what is
//! allowed: a field that a later release learns to send is not sent where there is a list.

use std::collections::BTreeSet;

use paifang_boundary::{Audience, Field, Fields};
use paifang_engine::Shares;
use paifang_payment::TenantId;
use paifang_rail::Descriptor;

use super::Problems;
use super::raw::RawRail;

/// Reads the lists of an account, or notes what is wrong with them.
pub(super) fn checked(
    rail: &RawRail,
    descriptor: &Descriptor,
    path: &str,
    problems: &mut Problems,
) -> Shares {
    let tellable = descriptor.tellable();
    let mut shares = Shares::default();
    let mut of_all = tellable;
    if let Some(names) = &rail.share {
        let uses = format!("{} uses {tellable}", descriptor.rail);
        of_all = fields(names, tellable, &uses, &format!("{path}.share"), problems);
        shares = shares.only(of_all);
    }
    let mut seen = BTreeSet::new();
    for (index, own) in rail.tenant.iter().enumerate() {
        let path = format!("{path}.tenant[{index}]");
        let uses = format!("the account may be told {of_all}");
        let fields = fields(&own.share, of_all, &uses, &format!("{path}.share"), problems);
        let id_path = format!("{path}.id");
        let Some(tenant) = problems.take(&id_path, TenantId::parse(&own.id)) else { continue };
        if !seen.insert(tenant) {
            problems.add(id_path, "has a list already");
        }
        shares = shares.only_of(tenant, fields);
    }
    shares
}

fn fields(names: &[String], allowed: Fields, uses: &str, path: &str, problems: &mut Problems) -> Fields {
    let mut list = Fields::NONE;
    for (index, name) in names.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let Some(field) = problems.take(&path, Field::parse(name)) else { continue };
        if let Some(rule) = refusal(field, allowed, uses) {
            problems.add(path, rule);
        } else if list.contains(field) {
            problems.add(path, "stands there twice");
        }
        list.insert(field);
    }
    list
}

fn refusal(field: Field, allowed: Fields, uses: &str) -> Option<String> {
    if !field.is_for(Audience::Rail) {
        return Some("is not for rails: the contract does not mark it so".to_owned());
    }
    if field.is_term() {
        return Some("is a term of the order, which every message has: leave it out of the list".to_owned());
    }
    (!allowed.contains(field)).then(|| format!("cannot be shared here: {uses}"))
}
