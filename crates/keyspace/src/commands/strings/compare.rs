//! Values compared before they are set or deleted: `IFEQ` and its kin (Redis 8.4, Valkey 8.1),
//! `DELEX`, `DELIFEQ` and `DIGEST`.

use redwire_resp::Request;
use xxhash_rust::xxh3::xxh3_64;

use crate::commands::options::is;
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::Str;

/// How many hexadecimal digits a digest has.
const DIGITS: usize = 16;

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// `IFEQ`: it is this value.
    Equal,
    /// `IFNE`: it is not, or there is none.
    NotEqual,
    /// `IFDEQ`: its digest is this.
    DigestEqual,
    /// `IFDNE`: its digest is not, or there is none.
    DigestNotEqual,
}

impl Sort {
    pub(super) fn parse(arg: &[u8]) -> Option<Self> {
        match () {
            () if is(arg, "IFEQ") => Some(Self::Equal),
            () if is(arg, "IFNE") => Some(Self::NotEqual),
            () if is(arg, "IFDEQ") => Some(Self::DigestEqual),
            () if is(arg, "IFDNE") => Some(Self::DigestNotEqual),
            () => None,
        }
    }
}

/// A condition on a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comparison<'a> {
    pub(super) sort: Sort,
    /// The value or digest that was given.
    pub(super) operand: &'a [u8],
}

impl Comparison<'_> {
    /// Whether the string at `key` compares so.
    pub(super) fn holds(self, data: &mut Data<'_>, key: &[u8]) -> Result<bool, CommandError> {
        let Some(string) = data.peek_as::<Str>(key)? else {
            return Ok(matches!(self.sort, Sort::NotEqual | Sort::DigestNotEqual));
        };
        let value = string.as_bytes();
        let by_digest = matches!(self.sort, Sort::DigestEqual | Sort::DigestNotEqual);
        let equal = if by_digest {
            if self.operand.len() != DIGITS {
                return Err(CommandError::text("ERR must be exactly 16 hexadecimal characters"));
            }
            digest_of(&value).as_bytes().eq_ignore_ascii_case(self.operand)
        } else {
            value == self.operand
        };
        Ok(equal == matches!(self.sort, Sort::Equal | Sort::DigestEqual))
    }
}

/// XXH3-64 in hexadecimal.
fn digest_of(value: &[u8]) -> String {
    format!("{:016x}", xxh3_64(value))
}

pub(super) fn digest(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    match context.data.read::<Str>(&request[1])? {
        Some(string) => context.reply.bulk(digest_of(&string.as_bytes()).as_bytes()),
        None => context.reply.null(),
    }
    Ok(())
}

pub(super) fn delex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let held = match (request.arg(2), request.arg(3), request.len()) {
        (None, ..) => true,
        (Some(_), Some(_), 4) if context.data.peek(key).is_none() => false,
        (Some(option), Some(operand), 4) => {
            context.data.check::<Str>(key).map_err(|_| {
                let text = "ERR Key should be of string type if conditions are specified";
                CommandError::text(text)
            })?;
            let sort = Sort::parse(option).ok_or(CommandError::text(
                "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE",
            ))?;
            Comparison { sort, operand }.holds(&mut context.data, key)?
        }
        _ => return Err(CommandError::Arity("delex".into())),
    };
    delete_if(context, key, held);
    Ok(())
}

pub(super) fn delifeq(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let comparison = Comparison { sort: Sort::Equal, operand: &request[2] };
    let held = comparison.holds(&mut context.data, &request[1])?;
    delete_if(context, &request[1], held);
    Ok(())
}

fn delete_if(context: &mut Context<'_>, key: &[u8], held: bool) {
    let deleted = held && context.data.delete(key);
    if deleted {
        context.data.changed(key, EventClass::Generic, "del");
        context.data.effect([b"DEL".as_slice(), key]);
    }
    context.reply.integer(i64::from(deleted));
}
