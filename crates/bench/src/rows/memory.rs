//! Resident memory: idle, and the most there was with 64 uploads of 1 GiB in flight. Holdfast only.

use std::io::Write as _;
use std::time::Duration;

use super::Bench;
use crate::client::Connection;
use crate::http::target_of;
use crate::machine::memory_mib;
use crate::measure::median;
use crate::payload::{Form, Payload};
use crate::peers::REPOSITORY;
use crate::report::{Budget, Line};

const UPLOADS: usize = 64;
/// The announced size of each upload.
const UPLOAD_MIB: u64 = 1024;
/// Pieces of 32 KiB that one upload gets before the next has its turn.
const TURN_PIECES: u64 = 8;
const TURNS_PER_MIB: u64 = 4;
/// What start-up took is over by then.
const REST: Duration = Duration::from_secs(1);

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let sent_mib = bench.sizes.in_flight_mib;
    let mut payload = Payload::new(bench.workplace.root(), UPLOAD_MIB << 20)?;
    let (mut idle, mut peak) = (Vec::new(), Vec::new());
    for _ in 0..bench.sizes.runs {
        let (holdfast, _folder) = bench.holdfast()?;
        std::thread::sleep(REST);
        idle.push(memory_mib(holdfast.id(), "VmRSS")?);
        let endpoint = holdfast.endpoint(REPOSITORY)?;
        let mut uploads = Vec::new();
        for _ in 0..UPLOADS {
            let mut connection = Connection::open(endpoint.address)?;
            let location = connection.open_upload(&endpoint, REPOSITORY)?;
            let head = endpoint.request("PATCH", target_of(&location), &payload.announce(Form::Plain));
            connection.stream().write_all(&head)?;
            uploads.push(connection);
        }
        // Everything but the last piece: no upload ends before all have been measured.
        for _ in 0..(sent_mib * TURNS_PER_MIB).min(UPLOAD_MIB * TURNS_PER_MIB - 1) {
            for upload in &mut uploads {
                payload.send_pieces(upload.stream(), Form::Plain, TURN_PIECES)?;
            }
        }
        std::thread::sleep(REST);
        peak.push(memory_mib(holdfast.id(), "VmHWM")?);
        bench.say(&format!(
            "  idle {:.1} MiB, peak {:.1} MiB",
            median(&idle),
            median(&peak)
        ));
        drop(uploads);
        holdfast.stop()?;
    }
    let mib = |values: &[f64]| format!("{:.0} MiB", median(values));
    let what = format!("memory, peak with {UPLOADS} uploads of 1 GiB in flight");
    let note = format!("{sent_mib} MiB of each upload are sent, in turns of 256 KiB");
    Ok(vec![
        Line::plain("memory, idle".to_owned(), mib(&idle), idle, Budget::AtMost(40.0, "MiB")),
        Line::plain(what, mib(&peak), peak, Budget::AtMost(200.0, "MiB")).with_note(note),
    ])
}
