//! The size of the program. Holdfast only; what counts is the file that is measured in the other rows.

use anyhow::Context as _;

use super::Bench;
use crate::report::{Budget, Line};

/// Where a 64-bit ELF file says where its section headers are, how long each is, and how many there are.
const SECTIONS_AT: usize = 0x28;
const SECTION_BYTES_AT: usize = 0x3a;
const SECTION_COUNT_AT: usize = 0x3c;
/// Where a section header says its type, and the type of a symbol table.
const TYPE_AT: usize = 4;
const SYMBOL_TABLE: u32 = 2;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let path = &bench.tools.holdfast;
    let program = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mib = program.len() as f64 / f64::from(1 << 20);
    let is_stripped = !has_symbols(&program).with_context(|| format!("{} is no ELF file", path.display()))?;
    let line = Line::plain(
        "the binary, stripped".to_owned(),
        format!("{mib:.1} MiB"),
        vec![mib],
        Budget::AtMost(25.0, "MiB"),
    );
    Ok(vec![if is_stripped {
        line
    } else {
        line.with_note("it is not stripped".to_owned())
    }])
}

/// Whether an ELF file has a symbol table; None when it is not such a file.
fn has_symbols(program: &[u8]) -> Option<bool> {
    if !program.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let sections = u64::from_le_bytes(*program.get(SECTIONS_AT..)?.first_chunk()?) as usize;
    let short = |at: usize| Some(usize::from(u16::from_le_bytes(*program.get(at..)?.first_chunk()?)));
    let (section_bytes, count) = (short(SECTION_BYTES_AT)?, short(SECTION_COUNT_AT)?);
    for index in 0..count {
        let at = sections.checked_add(index * section_bytes + TYPE_AT)?;
        if u32::from_le_bytes(*program.get(at..)?.first_chunk()?) == SYMBOL_TABLE {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_has_symbols_and_a_text_is_no_program() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(has_symbols(&this), Some(true));
        assert_eq!(has_symbols(b"#!/bin/sh"), None);
        assert_eq!(has_symbols(b"\x7fELF\x02\x01"), None);
    }
}
