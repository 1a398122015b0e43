//! The cells that one thread counts in.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cells of one chunk; a chunk is made when its first cell is written.
const CHUNK: u32 = 512;
const CHUNKS: usize = 4_096;

/// More cells than all series together may take.
pub(super) const CAPACITY: u32 = CHUNK * CHUNKS as u32;

/// The place of a number in every shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell(pub(super) u32);

impl Cell {
    pub(super) fn offset(self, by: u32) -> Self {
        Self(self.0 + by)
    }
}

/// Who writes to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writers {
    /// One thread: load, add, store.
    One,
    /// Any thread: an atomic addition.
    Many,
}

type Chunk = Box<[AtomicU64; CHUNK as usize]>;

/// One writer's numbers.
#[derive(Debug)]
pub struct Shard {
    writers: Writers,
    chunks: Box<[OnceLock<Chunk>]>,
}

impl Shard {
    pub(super) fn new(writers: Writers) -> Self {
        Self {
            writers,
            chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(),
        }
    }

    pub(super) fn add(&self, cell: Cell, count: u64) {
        let number = self.number(cell);
        match self.writers {
            Writers::One => number.store(
                number.load(Ordering::Relaxed).wrapping_add(count),
                Ordering::Relaxed,
            ),
            Writers::Many => {
                number.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn set(&self, cell: Cell, value: u64) {
        self.number(cell).store(value, Ordering::Relaxed);
    }

    pub(super) fn read(&self, cell: Cell) -> u64 {
        match self.chunks[(cell.0 / CHUNK) as usize].get() {
            Some(chunk) => chunk[(cell.0 % CHUNK) as usize].load(Ordering::Relaxed),
            None => 0,
        }
    }

    fn number(&self, cell: Cell) -> &AtomicU64 {
        let chunk = &self.chunks[(cell.0 / CHUNK) as usize];
        let numbers = match chunk.get() {
            Some(numbers) => numbers,
            None => make(chunk),
        };
        &numbers[(cell.0 % CHUNK) as usize]
    }
}

/// Makes a chunk whose first cell is being written.
#[cold]
fn make(chunk: &OnceLock<Chunk>) -> &Chunk {
    chunk.get_or_init(|| Box::new([const { AtomicU64::new(0) }; CHUNK as usize]))
}
