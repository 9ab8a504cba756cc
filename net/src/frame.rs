//! What travels inside a connection: frames of a 12-byte header and a payload.
//!
//! ```text
//! kind (4 bits) | length (28 bits) | stream (64 bits) | payload
//! ```
//!
//! All big-endian. The length is checked before anything is allocated.

use privity_core::channel::MAX_MESSAGE;

/// Bytes before each payload.
pub(crate) const HEADER: usize = 12;

/// What a farewell may say.
pub(crate) const MAX_FAREWELL: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message of a stream.
    Data,
    /// Nothing; the sender is alive.
    Beat,
    /// The sender has closed its end of the stream: the number of messages that
    /// it sent, and why it stopped, or nothing.
    End,
    /// The last frame of a connection; why its sender stopped, or nothing.
    Bye,
}

impl Kind {
    /// From its number, with the longest payload that it may have.
    fn read(number: u32) -> Option<(Self, usize)> {
        match number {
            0 => Some((Kind::Data, MAX_MESSAGE)),
            1 => Some((Kind::Beat, 0)),
            2 => Some((Kind::End, 8 + MAX_FAREWELL)),
            3 => Some((Kind::Bye, MAX_FAREWELL)),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) stream: u64,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn data(stream: u64, payload: Vec<u8>) -> Self {
        Self { kind: Kind::Data, stream, payload }
    }

    pub(crate) fn beat() -> Self {
        Self { kind: Kind::Beat, stream: 0, payload: Vec::new() }
    }

    pub(crate) fn end(stream: u64, sent: u64, why: &str) -> Self {
        let payload = [&sent.to_be_bytes(), short(why)].concat();
        Self { kind: Kind::End, stream, payload }
    }

    pub(crate) fn bye(why: &str) -> Self {
        Self { kind: Kind::Bye, stream: 0, payload: short(why).to_vec() }
    }

    pub(crate) fn header(&self) -> [u8; HEADER] {
        // The payload was checked against the limit of its kind, below 2^28.
        let word = (self.kind as u32) << 28 | self.payload.len() as u32;
        let mut out = [0; HEADER];
        out[..4].copy_from_slice(&word.to_be_bytes());
        out[4..].copy_from_slice(&self.stream.to_be_bytes());
        out
    }

    /// Bytes that it takes on the wire and, about, in memory.
    pub(crate) fn size(&self) -> usize {
        HEADER + self.payload.len()
    }
}

/// Puts frames together from bytes that arrive in pieces.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    header: [u8; HEADER],
    have: usize,
    frame: Option<(Frame, usize)>,
}

impl Assembler {
    /// Takes all of `bytes`, adding each frame that they complete to `out`.
    /// The error is the rule that they break.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<Frame>) -> Result<(), String> {
        loop {
            if let Some((frame, length)) = &mut self.frame {
                let missing = *length - frame.payload.len();
                let (now, rest) = bytes.split_at(missing.min(bytes.len()));
                frame.payload.extend_from_slice(now);
                bytes = rest;
                if frame.payload.len() < *length {
                    return Ok(());
                }
                out.extend(self.frame.take().map(|(frame, _)| frame));
            }
            let (now, rest) = bytes.split_at((HEADER - self.have).min(bytes.len()));
            self.header[self.have..self.have + now.len()].copy_from_slice(now);
            self.have += now.len();
            bytes = rest;
            if self.have < HEADER {
                return Ok(());
            }
            self.have = 0;
            self.frame = Some(open(&self.header)?);
        }
    }
}

/// As much of a reason as a farewell can say.
fn short(why: &str) -> &[u8] {
    let mut end = why.len().min(MAX_FAREWELL);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    &why.as_bytes()[..end]
}

fn open(header: &[u8; HEADER]) -> Result<(Frame, usize), String> {
    let [a, b, c, d, stream @ ..] = *header;
    let word = u32::from_be_bytes([a, b, c, d]);
    let length = (word & 0x0fff_ffff) as usize;
    let Some((kind, limit)) = Kind::read(word >> 28) else {
        return Err(format!("it sent a frame of the unknown kind {}", word >> 28));
    };
    if length > limit {
        return Err(format!(
            "it announced {length} bytes where a frame of kind {kind:?} has at most {limit}"
        ));
    }
    let stream = u64::from_be_bytes(stream);
    Ok((Frame { kind, stream, payload: Vec::with_capacity(length) }, length))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut() {
        let frames = [
            Frame::data(7, vec![1, 2, 3]),
            Frame::beat(),
            Frame::data(u64::MAX, vec![]),
            Frame::end(7, 5, "so"),
            Frame::bye("because"),
        ];
        let bytes: Vec<u8> =
            frames.iter().flat_map(|f| [&f.header()[..], &f.payload].concat()).collect();
        for piece in 1..bytes.len() {
            let (mut assembler, mut out) = (Assembler::default(), Vec::new());
            for chunk in bytes.chunks(piece) {
                assembler.feed(chunk, &mut out).unwrap();
            }
            assert_eq!(out.len(), frames.len());
            for (a, b) in out.iter().zip(&frames) {
                assert_eq!((a.kind, a.stream, &a.payload), (b.kind, b.stream, &b.payload));
            }
        }
    }

    #[test]
    fn long_and_unknown_are_refused_by_their_header() {
        let mut header = Frame::data(0, vec![]).header();
        header[..4].copy_from_slice(&(MAX_MESSAGE as u32 + 1).to_be_bytes());
        assert!(Assembler::default().feed(&header, &mut Vec::new()).is_err());
        for first in [0x10_u8, 0x20, 0x30, 0x40, 0xf0] {
            let bytes = [first, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            assert!(Assembler::default().feed(&bytes, &mut Vec::new()).is_err(), "{first:#x}");
        }
    }

    #[test]
    fn a_farewell_is_cut_at_a_character() {
        let bye = Frame::bye(&"é".repeat(MAX_FAREWELL));
        assert!(bye.payload.len() <= MAX_FAREWELL && std::str::from_utf8(&bye.payload).is_ok());
        assert!(std::str::from_utf8(&Frame::bye(&format!("x{}", "é".repeat(200))).payload).is_ok());
    }
}
