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

    /// The first cell from this one on that has so many in one chunk.
    pub(super) fn with_room_for(self, cells: u32) -> Self {
        match self.0 % CHUNK + cells <= CHUNK {
            true => self,
            false => Self(self.0.next_multiple_of(CHUNK)),
        }
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

impl Writers {
    fn add(self, number: &AtomicU64, count: u64) {
        match self {
            Self::One => number.store(
                number.load(Ordering::Relaxed).wrapping_add(count),
                Ordering::Relaxed,
            ),
            Self::Many => {
                number.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
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
        self.writers.add(self.number(cell), count);
    }

    /// Adds to a cell and to the one so many behind it, which must be of the same chunk.
    pub(super) fn add_two(&self, cell: Cell, count: u64, (offset, other): (usize, u64)) {
        let numbers = &self.chunk(cell)[(cell.0 % CHUNK) as usize..];
        self.writers.add(&numbers[0], count);
        self.writers.add(&numbers[offset], other);
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
        &self.chunk(cell)[(cell.0 % CHUNK) as usize]
    }

    fn chunk(&self, cell: Cell) -> &Chunk {
        let chunk = &self.chunks[(cell.0 / CHUNK) as usize];
        match chunk.get() {
            Some(numbers) => numbers,
            None => make(chunk),
        }
    }
}

/// Makes a chunk whose first cell is being written.
#[cold]
fn make(chunk: &OnceLock<Chunk>) -> &Chunk {
    chunk.get_or_init(|| Box::new([const { AtomicU64::new(0) }; CHUNK as usize]))
}
