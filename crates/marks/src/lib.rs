//! The marks of the contract's fields (`proto/paifang/boundary/v1`), at build time.
//!
//! [`read`] compiles a folder of protos and reads the mark of every field that has to have one: the fields of every request,
//! what an operator types in for a rail, and all that an event can carry. A field without a mark, or with one that contradicts itself, is an error that names the
//! field and says what to write. [`Contract::fields`] and [`Contract::visitors`] write the code that `boundary` and `proto` include;
//! the build scripts of both go by [`build`], which has cargo end the build with such an error.
#![forbid(unsafe_code)]

mod fields;
mod reach;
mod script;
mod visitors;

pub use script::{build, generate};

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use protox::prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};

/// The package of the contract.
const CONTRACT: &str = "paifang.v1";

/// What comes from an operator, and not over the contract.
const TYPED_IN: &str = "paifang.boundary.v1.PayerCard";

/// The message that carries news to whoever reads events.
const EVENT: &str = "paifang.v1.Event";

/// The option.
const MARK: &str = "paifang.boundary.v1.mark";

/// The contract and its marks.
pub struct Contract {
    pool: DescriptorPool,
    marked: Vec<Marked>,
}

/// A field and its mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// Its stable name, such as `client_context.payer_id`: message and field in snake case.
    pub name: String,
    /// What it is for, as the schema spells it, such as `PURPOSE_PAY`.
    pub purpose: String,
    /// Who may see it, such as `AUDIENCE_RAIL`, in the order of the schema's enum.
    pub audiences: Vec<String>,
    /// It leaves the gateway as a pseudonym only.
    pub as_pseudonym: bool,
}

/// Why the contract has no boundary.
#[derive(Debug)]
pub enum Error {
    /// The protos do not compile, or cannot be read.
    Broken(String),
    /// Fields whose marks are missing or wrong; all of them.
    Marks(Vec<WrongMark>),
}

/// A field whose mark is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongMark {
    /// The field, such as `paifang.v1.ClientContext.payer_id`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub rule: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => f.write_str(why),
            Self::Marks(wrong) => {
                wrong.iter().try_for_each(|one| writeln!(f, "the field {} {}", one.field, one.rule))
            }
        }
    }
}

impl std::error::Error for Error {}

/// Every proto file of the contract below `root`, in the same order on every machine.
fn files(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let folder = root.join("paifang/v1");
    let unreadable = |error: std::io::Error| Error::Broken(format!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Compiles the contract below `root` and reads its marks.
///
/// # Errors
/// When it does not compile, or when a field's mark is missing or wrong; all such fields are named.
pub fn read(root: &Path) -> Result<Contract, Error> {
    let broken = |error: protox::Error| Error::Broken(format!("{error:?}"));
    let mut compiler = protox::Compiler::new([root]).map_err(broken)?;
    compiler.include_imports(true).open_files(files(root)?).map_err(broken)?;
    let pool = compiler.descriptor_pool();
    let (mut marked, mut wrong) = (Vec::new(), Vec::new());
    for field in reach::all(&pool) {
        match mark(&field) {
            Ok(mark) => marked.push(mark),
            Err(rule) => wrong.push(WrongMark { field: field.full_name().to_owned(), rule }),
        }
    }
    if !wrong.is_empty() {
        wrong.sort_by(|a, b| a.field.cmp(&b.field));
        return Err(Error::Marks(wrong));
    }
    marked.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Contract { pool, marked })
}

impl Contract {
    /// The fields with their marks, by name.
    pub fn marked(&self) -> &[Marked] {
        &self.marked
    }

    /// The code of the crate `boundary`: enums of fields, purposes and audiences, and a type for each field that an adapter
    /// may open.
    ///
    /// # Errors
    /// When the schema's enums are not where they belong.
    pub fn fields(&self) -> Result<String, Error> {
        fields::code(&self.pool, &self.marked)
    }

    /// The code of the crate `proto`: walks over whatever an event can carry.
    ///
    /// # Errors
    /// When there is no event.
    pub fn visitors(&self) -> Result<String, Error> {
        visitors::code(&self.pool)
    }
}

/// The stable name of a field.
fn name(field: &FieldDescriptor) -> String {
    format!("{}.{}", snake(field.parent_message().name()), field.name())
}

/// The variant of a field in the generated enum.
fn variant(name: &str) -> String {
    camel(&name.replace('.', "_"))
}

fn snake(camel: &str) -> String {
    let mut snake = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn camel(snake: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
    };
    snake.split('_').map(capital).collect()
}

fn mark(field: &FieldDescriptor) -> Result<Marked, String> {
    let pool = field.parent_pool();
    let no_option = || format!("cannot be marked: the schema has no option {MARK}");
    let extension = pool.get_extension_by_name(MARK).ok_or_else(no_option)?;
    let options = field.options();
    if !options.has_extension(&extension) {
        return Err(format!(
            "has no mark: write [({MARK}) = {{purpose: PURPOSE_..., audiences: [AUDIENCE_..., ...]}}] behind its number; \
             what they mean stands in proto/paifang/boundary/v1/boundary.proto"
        ));
    }
    let value = options.get_extension(&extension);
    let mark = value.as_message().ok_or_else(no_option)?;
    let purpose = purpose(mark)?;
    let audiences = audiences(mark)?;
    let as_pseudonym = mark.get_field_by_name("as_pseudonym").and_then(|value| value.as_bool()) == Some(true);
    if as_pseudonym && field.kind() != Kind::String {
        return Err("is no text, so there is no pseudonym of it: leave as_pseudonym out".to_owned());
    }
    let of_payer = matches!(purpose.as_str(), "PURPOSE_IDENTIFY_PAYER" | "PURPOSE_RISK");
    if of_payer && audiences.iter().any(|audience| audience == "AUDIENCE_EVENT") {
        return Err(format!("has {purpose}, which is never for AUDIENCE_EVENT: take one of both away"));
    }
    Ok(Marked { name: name(field), purpose, audiences, as_pseudonym })
}

fn purpose(mark: &DynamicMessage) -> Result<String, String> {
    let value = mark.get_field_by_name("purpose");
    let named = value.and_then(|value| value_name(mark, "purpose", &value));
    named.filter(|name| !name.ends_with("_UNSPECIFIED")).ok_or_else(|| {
        "says no purpose: give it one of the enum Purpose in proto/paifang/boundary/v1/boundary.proto"
            .to_owned()
    })
}

fn audiences(mark: &DynamicMessage) -> Result<Vec<String>, String> {
    let rule = "must name its audiences, at least one and each once: they are the enum Audience in \
                proto/paifang/boundary/v1/boundary.proto";
    let value = mark.get_field_by_name("audiences");
    let list = value.as_ref().and_then(|value| value.as_list()).unwrap_or_default();
    let mut sorted: Vec<&Value> = list.iter().collect();
    sorted.sort_by_key(|value| value.as_enum_number());
    let mut names = Vec::new();
    for value in sorted {
        let name = value_name(mark, "audiences", value).filter(|name| !name.ends_with("_UNSPECIFIED"));
        match name {
            Some(name) if names.last() != Some(&name) => names.push(name),
            Some(_) | None => return Err(rule.to_owned()),
        }
    }
    if names.is_empty() { Err(rule.to_owned()) } else { Ok(names) }
}

/// The name of an enum's value in a field of the mark.
fn value_name(mark: &DynamicMessage, field: &str, value: &Value) -> Option<String> {
    let field = mark.descriptor().get_field_by_name(field)?;
    let Kind::Enum(values) = field.kind() else { return None };
    Some(values.get_value(value.as_enum_number()?)?.name().to_owned())
}
