//! The client's side of plain TCP: small exchanges, and bytes without end.

use anyhow::ensure;

use crate::pattern;

/// Sends some bytes and wants them back.
#[derive(Debug)]
pub(crate) struct Echo {
    size: usize,
    /// Where in the pattern the exchange began.
    start: u64,
    read: usize,
}

impl Echo {
    pub(crate) fn new(size: usize) -> Echo {
        Echo {
            size,
            start: 0,
            read: size,
        }
    }

    pub(crate) fn begin(&mut self, out: &mut Vec<u8>) {
        self.start += self.size as u64;
        self.read = 0;
        out.extend_from_slice(pattern::from(self.start, self.size));
    }

    /// Reads; whether all bytes are back.
    pub(crate) fn read(&mut self, input: &[u8]) -> anyhow::Result<bool> {
        ensure!(
            input.len() <= self.size - self.read,
            "more bytes came back than were sent"
        );
        let expected = pattern::from(self.start + self.read as u64, input.len());
        ensure!(input == expected, "other bytes came back than were sent");
        self.read += input.len();
        Ok(self.read == self.size)
    }
}

/// Reads what the backend sends.
#[derive(Debug, Default)]
pub(crate) struct Download {
    position: u64,
}

impl Download {
    pub(crate) fn begin(out: &mut Vec<u8>) {
        out.push(b'!');
    }

    pub(crate) fn read(&mut self, input: &[u8]) -> anyhow::Result<()> {
        ensure!(
            input == pattern::from(self.position, input.len()),
            "other bytes came than were sent, after {} bytes",
            self.position
        );
        self.position += input.len() as u64;
        Ok(())
    }
}
