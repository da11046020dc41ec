//! Writes the enums of the crate `boundary`.

use std::fmt::Write;

use protox::prost_reflect::DescriptorPool;

use crate::{Error, Marked, camel, variant};

/// Purposes that make a field a term of the order where it is for rails: no order is made without it.
const OF_TERMS: [&str; 2] = ["PURPOSE_PAY", "PURPOSE_RECONCILE"];

pub(crate) fn code(pool: &DescriptorPool, marked: &[Marked]) -> Result<String, Error> {
    let purposes = closed(pool, "Purpose", "What a field is there for.")?;
    let audiences = closed(pool, "Audience", "Who may see a field.")?;
    Ok([purposes, audiences, fields(marked), told(marked)].concat())
}

/// An enum of the schema without its zero value.
fn closed(pool: &DescriptorPool, name: &str, about: &str) -> Result<String, Error> {
    let full = format!("paifang.boundary.v1.{name}");
    let missing = || Error::Broken(format!("the schema has no enum {full}"));
    let values = pool.get_enum_by_name(&full).ok_or_else(missing)?;
    let prefix = format!("{}_", name.to_ascii_uppercase());
    let words: Vec<String> = values
        .values()
        .filter(|value| value.number() != 0)
        .map(|value| value.name().trim_start_matches(&prefix).to_ascii_lowercase())
        .collect();
    let mut code = format!(
        "/// {about} The proto `{full}` says what each means.\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]\npub enum {name} {{\n"
    );
    for word in &words {
        line(&mut code, &format!("    /// `{word}`.\n    {},", camel(word)));
    }
    line(
        &mut code,
        &format!("}}\nimpl {name} {{\n    /// All of them.\n    pub const ALL: &'static [Self] = &["),
    );
    for word in &words {
        line(&mut code, &format!("        Self::{},", camel(word)));
    }
    line(
        &mut code,
        "    ];\n    /// Its name.\n    pub const fn as_str(self) -> &'static str {\n        match self {",
    );
    for word in &words {
        line(&mut code, &format!("            Self::{} => {word:?},", camel(word)));
    }
    line(&mut code, "        }\n    }\n}");
    Ok(code)
}

fn fields(marked: &[Marked]) -> String {
    let count = marked.len();
    let mut code = "/// A field of the contract that has a mark. A closed set, in the order of the names.\n\
                    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]\n#[repr(u16)]\npub enum Field {\n"
        .to_owned();
    for one in marked {
        line(&mut code, &format!("    /// `{}`.\n    {},", one.name, variant(&one.name)));
    }
    line(
        &mut code,
        &format!("}}\nimpl Field {{\n    /// How many there are.\n    pub const COUNT: usize = {count};"),
    );
    line(&mut code, "    /// All of them.\n    pub const ALL: [Self; Self::COUNT] = [");
    for one in marked {
        line(&mut code, &format!("        Self::{},", variant(&one.name)));
    }
    line(&mut code, &format!("    ];\n}}\nstatic MARKS: [Mark; {count}] = ["));
    for one in marked {
        let audience = |name: &String| format!("Audience::{}", camel(name.trim_start_matches("AUDIENCE_")));
        let audiences: Vec<String> = one.audiences.iter().map(audience).collect();
        let (name, withheld) = (&one.name, format!("withheld_{}", one.name.replace('.', "_")));
        let purpose = camel(one.purpose.trim_start_matches("PURPOSE_"));
        let (audiences, as_pseudonym) = (audiences.join(", "), one.as_pseudonym);
        line(
            &mut code,
            &format!(
                "    Mark {{ name: {name:?}, withheld: {withheld:?}, purpose: Purpose::{purpose}, audiences: &[{audiences}], \
                 as_pseudonym: {as_pseudonym}, term: {} }},",
                is_term(one)
            ),
        );
    }
    line(&mut code, "];");
    code
}

/// A type for each field that an adapter may open, so that another field has nothing to be named by.
fn told(marked: &[Marked]) -> String {
    let mut code = "/// A type for each field that an adapter may open. Fields that are not marked for rails have none.\n\
                    pub mod told {\n    use super::{Field, RailField};\n"
        .to_owned();
    for one in marked.iter().filter(|one| is_for_rails(one) && !is_term(one)) {
        let (name, variant) = (&one.name, variant(&one.name));
        line(
            &mut code,
            &format!(
                "    /// `{name}`.\n    #[derive(Debug)]\n    pub enum {variant} {{}}\n    impl RailField for {variant} {{\n        \
                 const FIELD: Field = Field::{variant};\n    }}"
            ),
        );
    }
    line(&mut code, "}");
    code
}

fn is_for_rails(one: &Marked) -> bool {
    one.audiences.iter().any(|audience| audience == "AUDIENCE_RAIL")
}

fn is_term(one: &Marked) -> bool {
    is_for_rails(one) && OF_TERMS.contains(&one.purpose.as_str())
}

fn line(code: &mut String, text: &str) {
    // Writing into a String never fails.
    let _ = writeln!(code, "{text}");
}
