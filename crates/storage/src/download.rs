//! An object on its way out.

use std::fmt;
use std::fs::File;
use std::io::SeekFrom;
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::{GetResult, GetResultPayload};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::error::StorageError;

/// Read in pieces of this size from a local file.
const CHUNK: usize = 128 << 10;

/// An object, or a part of it, whose bytes come as they are asked for.
pub struct Download {
    /// The whole object's size in bytes.
    pub size: u64,
    /// The bytes that come.
    pub range: Range<u64>,
    bytes: BoxStream<'static, Result<Bytes, StorageError>>,
}

impl Download {
    pub(crate) async fn open(found: GetResult) -> Result<Self, StorageError> {
        let (size, range) = (found.meta.size, found.range.clone());
        let bytes = match found.payload {
            // The object store's own reader goes to a thread for every 8 KiB.
            GetResultPayload::File(file, _) => read_file(file, range.clone()).await?,
            GetResultPayload::Stream(bytes) => bytes.map_err(StorageError::from).boxed(),
        };
        Ok(Self { size, range, bytes })
    }

    /// The bytes.
    pub fn into_stream(self) -> BoxStream<'static, Result<Bytes, StorageError>> {
        self.bytes
    }
}

async fn read_file(
    file: File,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<Bytes, StorageError>>, StorageError> {
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(CHUNK);
    file.seek(SeekFrom::Start(range.start)).await?;
    let bytes = ReaderStream::with_capacity(file.take(range.end - range.start), CHUNK);
    Ok(bytes.map_err(StorageError::from).boxed())
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("size", &self.size)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}
