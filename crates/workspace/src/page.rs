//! Which part of a list is read.

/// Which rows of a list; `K` is the key that the list is ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// Rows at most; one more than the page has tells that there is another page.
    pub limit: i64,
    /// After the row of this key; from the beginning without one.
    pub after: Option<K>,
}

impl<K> PageRequest<K> {
    /// The first rows.
    pub const fn first(limit: i64) -> Self {
        Self { limit, after: None }
    }
}
