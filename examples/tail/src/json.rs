//! One JSON object a line. Bytes that are not UTF-8 are `{"b64":"..."}`.

use redwire::follow::{Item, Position};
use redwire::rdb::{Event, KeyHeader, Kind, Version};
use redwire_tools::{TypeName, payload, text};

use crate::format::Format;

/// JSON lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    is_list: bool,
    /// Nothing of the value, or of the arguments, is written yet.
    is_first: bool,
}

impl Lines {
    fn separate(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.is_first) {
            out.push(b',');
        }
    }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn number(out: &mut Vec<u8>, name: &str, number: Option<u64>) {
    if let Some(number) = number {
        push(out, name);
        text::integer(out, number);
    }
}

fn place(out: &mut Vec<u8>, position: Option<Position>) {
    if let Some(Position { replid, offset, .. }) = position {
        push(out, &format!(",\"replid\":\"{replid}\",\"offset\":{offset}"));
    }
    push(out, "}\n");
}

impl Format for Lines {
    fn snapshot_start(&mut self, out: &mut Vec<u8>, history_gone: bool) {
        push(out, &format!("{{\"op\":\"snapshot-start\",\"history_gone\":{history_gone}}}\n"));
    }

    fn key(&mut self, out: &mut Vec<u8>, db: u32, header: &KeyHeader<'_>) {
        push(out, "{\"op\":\"key\"");
        number(out, ",\"db\":", Some(db.into()));
        push(out, ",\"key\":");
        text::json(out, header.key);
        push(out, ",\"type\":\"");
        push(out, TypeName::of(header).name());
        push(out, "\"");
        number(out, ",\"expire_ms\":", header.expire_ms);
        self.is_list = !matches!(header.kind, Kind::String | Kind::Opaque);
        self.is_first = true;
        push(out, if header.kind == Kind::Opaque { ",\"dump\":" } else { ",\"value\":" });
        if self.is_list {
            out.push(b'[');
        }
    }

    fn part(&mut self, out: &mut Vec<u8>, event: &Event<'_>, version: Version) {
        if self.is_list {
            self.separate(out);
        }
        self.is_first = false;
        match *event {
            Event::String(bytes) | Event::Element(bytes) => text::json(out, bytes),
            Event::Scored(member, score) => {
                out.push(b'[');
                text::json(out, member);
                out.push(b',');
                text::json_score(out, score);
                out.push(b']');
            }
            Event::Field { field, value, expires_ms } => {
                out.push(b'[');
                text::json(out, field);
                out.push(b',');
                text::json(out, value);
                number(out, ",", expires_ms);
                out.push(b']');
            }
            Event::Opaque { type_byte, body } => {
                out.push(b'"');
                text::base64(out, &payload(version, type_byte, body));
                out.push(b'"');
            }
            _ => {}
        }
    }

    fn key_end(&mut self, out: &mut Vec<u8>) {
        push(out, if self.is_list { "]}\n" } else { "}\n" });
    }

    fn cut(&mut self, out: &mut Vec<u8>) {
        push(
            out,
            match (self.is_list, self.is_first) {
                (true, _) => "]",
                (false, true) => "null",
                (false, false) => "",
            },
        );
        push(out, ",\"cut\":true}\n");
    }

    fn snapshot_end(&mut self, out: &mut Vec<u8>, position: Option<Position>) {
        push(out, "{\"op\":\"snapshot-end\"");
        place(out, position);
    }

    fn resumed(&mut self, out: &mut Vec<u8>, position: Position) {
        push(out, "{\"op\":\"resumed\"");
        place(out, Some(position));
    }

    fn command(&mut self, out: &mut Vec<u8>, item: &Item<'_>) {
        let Item::Command { db, request, in_transaction, position } = item else { return };
        push(out, "{\"op\":\"command\"");
        number(out, ",\"db\":", Some((*db).into()));
        push(out, ",\"args\":[");
        self.is_first = true;
        for arg in request.iter() {
            self.separate(out);
            text::json(out, arg);
        }
        push(out, if *in_transaction { "],\"transaction\":true" } else { "]" });
        number(out, ",\"offset\":", position.map(|position| position.offset.get()));
        push(out, "}\n");
    }

    fn transaction_end(&mut self, _out: &mut Vec<u8>) {}
}
