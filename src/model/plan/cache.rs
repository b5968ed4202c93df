//! Keys and values that a decoder keeps from step to step: a step adds its own rows in place.

use crate::model::plan::arena::MAX_VALUE_BYTES;
use crate::model::plan::data::View;
use crate::model::plan::ir::Plan;
use crate::model::plan::shape::{Shape, mismatch};
use crate::{Code, Error};

/// The fewest rows that there is room for.
const MIN_ROWS: usize = 16;

/// All caches of a state. Each text has a block in each of them, so that texts change places without being copied.
#[derive(Debug, Default)]
pub(super) struct Caches {
    stores: Vec<Store>,
    /// The block of each text.
    blocks: Vec<usize>,
}

/// One cache: blocks of `[heads, capacity, dim]`, of which the first `len` rows of each head are in use.
#[derive(Debug, Default)]
struct Store {
    heads: usize,
    dim: usize,
    capacity: usize,
    len: usize,
    /// Rows that the run has made so far, kept once it ends well.
    made: usize,
    data: Vec<f32>,
}

/// What attention reads of a cache.
#[derive(Clone, Copy)]
pub(super) struct Cached<'a> {
    pub(super) data: &'a [f32],
    /// The block of each text.
    pub(super) blocks: &'a [usize],
    /// Elements of a block, of a head in it, of a row.
    pub(super) strides: [usize; 3],
}

impl Caches {
    /// Whether these are the caches of `plan`.
    pub(super) fn fit(&self, plan: &Plan) -> bool {
        let same = |(store, cache): (&Store, &crate::model::plan::ir::Cache)| {
            [store.heads, store.dim] == [cache.heads as usize, cache.dim as usize]
        };
        self.stores.len() == plan.caches.len() && self.stores.iter().zip(&plan.caches).all(same)
    }

    /// Empties the caches, for so many texts. Memory is kept if they are of the same plan.
    pub(super) fn begin(&mut self, plan: &Plan, texts: usize) {
        if !self.fit(plan) {
            let store = |cache: &crate::model::plan::ir::Cache| Store {
                heads: cache.heads as usize,
                dim: cache.dim as usize,
                ..Store::default()
            };
            self.stores = plan.caches.iter().map(store).collect();
        }
        for store in &mut self.stores {
            (store.len, store.made) = (0, 0);
        }
        self.blocks.clear();
        self.blocks.extend(0..texts);
    }

    /// Rows that the first cache holds of each text.
    pub(super) fn rows(&self) -> usize {
        self.stores.first().map_or(0, |store| store.len)
    }

    /// The shape of what cache `i` held before the run.
    pub(super) fn shape(&self, i: usize) -> Result<Shape, Error> {
        let store = &self.stores[i];
        Shape::new(&[self.blocks.len(), store.heads, store.len, store.dim])
    }

    /// Puts rows `[texts, heads, rows, dim]` behind those that cache `i` held before the run.
    pub(super) fn append(&mut self, i: usize, rows: &View<'_>) -> Result<Shape, Error> {
        let texts = self.blocks.len();
        let store = &mut self.stores[i];
        let [own_texts, heads, new, dim] = rows.shape[..] else {
            return Err(mismatch(format!("{:?} for a cache", rows.shape)));
        };
        if [own_texts, heads, dim] != [texts, store.heads, store.dim] {
            return Err(mismatch(format!(
                "{:?} for a cache of {texts} texts, {} heads and {} features",
                rows.shape, store.heads, store.dim
            )));
        }
        let made = store.len.saturating_add(new);
        let most = self.blocks.iter().max().map_or(0, |&block| block + 1);
        store.reserve(made, most)?;
        let data = rows.f32s()?;
        for (text, &block) in self.blocks.iter().enumerate() {
            for head in 0..heads {
                let from = (text * heads + head) * new * dim;
                let to = ((block * heads + head) * store.capacity + store.len) * dim;
                store.data[to..][..new * dim].copy_from_slice(&data[from..][..new * dim]);
            }
        }
        store.made = made;
        Shape::new(&[texts, heads, made, dim])
    }

    /// What attention reads of cache `i`.
    pub(super) fn read(&self, i: usize) -> Cached<'_> {
        let Store { heads, dim, capacity, data, .. } = &self.stores[i];
        Cached { data, blocks: &self.blocks, strides: [heads * capacity * dim, capacity * dim, *dim] }
    }

    /// What was made so far is not kept.
    pub(super) fn forget(&mut self) {
        self.stores.iter_mut().for_each(|store| store.made = store.len);
    }

    /// What the run made is kept.
    pub(super) fn keep(&mut self) {
        self.stores.iter_mut().for_each(|store| store.len = store.made.max(store.len));
    }

    /// Keeps the first `rows` rows of each text.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.stores.iter_mut().for_each(|store| store.len = store.len.min(rows));
        self.forget();
    }

    /// Text `i` goes on from what text `from[i]` was. A text that goes on once stays where it is; only what goes on more
    /// than once is copied.
    pub(super) fn reorder(&mut self, from: &[usize]) -> Result<(), Error> {
        let texts = self.blocks.len();
        if let Some(wrong) = from.iter().find(|&&source| source >= texts) {
            return Err(Error::new(
                Code::InvalidArgument,
                format!("text {wrong} of a cache of {texts} is to go on"),
            ));
        }
        let mut taken = vec![false; texts];
        let first = |&source: &usize| {
            let again = std::mem::replace(&mut taken[source], true);
            (!again).then_some(self.blocks[source])
        };
        let next: Vec<Option<usize>> = from.iter().map(first).collect();
        let mut free = (0..).filter(|block| !next.contains(&Some(*block)));
        let mut copies = Vec::new();
        let mut blocks = Vec::with_capacity(from.len());
        for (block, &source) in next.iter().zip(from) {
            blocks.push(match block {
                Some(block) => *block,
                None => {
                    let to = free.next().unwrap_or_default();
                    copies.push((self.blocks[source], to));
                    to
                }
            });
        }
        let most = blocks.iter().max().map_or(0, |&block| block + 1);
        for store in &mut self.stores {
            store.reserve(store.len, most)?;
            copies.iter().for_each(|&(from, to)| store.copy(from, to));
        }
        self.blocks = blocks;
        Ok(())
    }

    /// Bytes that the caches hold on to.
    pub(super) fn capacity(&self) -> usize {
        self.stores.iter().map(|store| store.data.capacity() * size_of::<f32>()).sum()
    }
}

impl Store {
    /// Makes room for so many rows in so many blocks.
    fn reserve(&mut self, rows: usize, blocks: usize) -> Result<(), Error> {
        let head = |rows: usize| self.heads.checked_mul(self.dim)?.checked_mul(rows)?.checked_mul(blocks);
        let fits = |elements: &usize| *elements <= MAX_VALUE_BYTES / size_of::<f32>();
        let Some(least) = head(rows.max(self.capacity)).filter(fits) else {
            return Err(Error::new(
                Code::TooLarge,
                format!(
                    "a cache of {rows} rows of {blocks} texts; at most {MAX_VALUE_BYTES} bytes are allowed"
                ),
            ));
        };
        if rows > self.capacity {
            // Twice the room each time, so that a row is moved only so often.
            let wide = rows.max(2 * self.capacity).max(MIN_ROWS);
            let (capacity, all) = match head(wide).filter(fits) {
                Some(all) => (wide, all),
                None => (rows, least),
            };
            let mut data = vec![0.0; all];
            let used = self.len * self.dim;
            if used > 0 {
                let old = self.data.chunks_exact(self.capacity * self.dim);
                for (new, old) in data.chunks_exact_mut(capacity * self.dim).zip(old) {
                    new[..used].copy_from_slice(&old[..used]);
                }
            }
            (self.capacity, self.data) = (capacity, data);
        } else if least > self.data.len() {
            self.data.resize(least, 0.0);
        }
        Ok(())
    }

    /// Copies the rows in use from a block to another.
    fn copy(&mut self, from: usize, to: usize) {
        let head = self.capacity * self.dim;
        for i in 0..self.heads {
            let start = (from * self.heads + i) * head;
            let rows = start..start + self.len * self.dim;
            self.data.copy_within(rows, (to * self.heads + i) * head);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::data::Data;
    use crate::model::plan::ir::Cache;

    fn plan() -> Plan {
        let cache = Cache { name: "past".into(), output: "present".into(), past: 0, heads: 2, dim: 3 };
        Plan { caches: vec![cache], ..Plan::default() }
    }

    /// What text `text` holds of head `head`.
    fn held(caches: &Caches, text: usize, head: usize) -> Vec<f32> {
        let Cached { data, blocks, strides: [block, own, row] } = caches.read(0);
        data[blocks[text] * block + head * own..][..caches.rows() * row].to_vec()
    }

    /// Adds `rows` rows whose numbers tell text, head and row.
    fn add(caches: &mut Caches, texts: &[f32], rows: usize) {
        let first = caches.rows();
        let number = |i: usize| {
            let (text, head, row) = (i / (2 * rows * 3), i / (rows * 3) % 2, i / 3 % rows);
            texts[text] * 1000.0 + head as f32 * 100.0 + (first + row) as f32
        };
        let data: Vec<f32> = (0..texts.len() * 2 * rows * 3).map(number).collect();
        let shape = Shape::new(&[texts.len(), 2, rows, 3]).expect("small");
        caches.append(0, &View { shape, data: Data::F32(&data) }).expect("it fits");
        caches.keep();
    }

    fn rows(parts: &[(f32, std::ops::Range<usize>)], head: usize) -> Vec<f32> {
        let one = |text: f32, row: usize| [text * 1000.0 + head as f32 * 100.0 + row as f32; 3];
        parts.iter().flat_map(|(text, range)| range.clone().flat_map(|row| one(*text, row))).collect()
    }

    #[test]
    fn rows_stay_as_the_cache_grows_and_texts_change_places() {
        let mut caches = Caches::default();
        caches.begin(&plan(), 1);
        add(&mut caches, &[1.0], 5);
        add(&mut caches, &[1.0], 40);
        caches.reorder(&[0, 0, 0]).expect("three texts");
        add(&mut caches, &[2.0, 3.0, 4.0], 1);
        caches.reorder(&[2, 1, 2]).expect("the same");
        add(&mut caches, &[5.0, 6.0, 7.0], 30);
        for (text, middle, end) in [(0, 4.0, 5.0), (1, 3.0, 6.0), (2, 4.0, 7.0)] {
            for head in 0..2 {
                let wanted = rows(&[(1.0, 0..45), (middle, 45..46), (end, 46..76)], head);
                assert_eq!(held(&caches, text, head), wanted, "text {text}, head {head}");
            }
        }
        caches.reorder(&[1]).expect("one of them");
        caches.truncate(45);
        assert_eq!((caches.rows(), held(&caches, 0, 1)), (45, rows(&[(1.0, 0..45)], 1)));
        assert!(caches.reorder(&[1]).is_err());
        caches.begin(&plan(), 2);
        assert_eq!(caches.rows(), 0);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let mut caches = Caches::default();
        caches.begin(&plan(), 1);
        add(&mut caches, &[1.0], 2);
        for shape in [&[2, 2, 1, 3][..], &[1, 1, 1, 3], &[1, 2, 1, 4], &[2, 1, 3]] {
            let data = vec![0.0; shape.iter().product()];
            let shape = Shape::new(shape).expect("small");
            assert!(caches.append(0, &View { shape, data: Data::F32(&data) }).is_err());
        }
        assert_eq!(held(&caches, 0, 0), rows(&[(1.0, 0..2)], 0));
    }
}
