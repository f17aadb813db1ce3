//! The file that the folder of a dataset has, in a tree and in a mount.

use std::io::Write;

use super::{DatasetTable, Facts, TableError, TableFormat, TableWriter};

impl DatasetTable<'_> {
    /// Writes the table as Parquet. The bytes depend only on the lists, the headers, the reports
    /// and the options. Uses rayon's current pool.
    ///
    /// # Errors
    /// Those of `out`; [`TableError::Interrupted`] if the user ends the work.
    pub fn write_parquet<W: Write + Send>(&self, out: W) -> Result<W, TableError> {
        let facts = Facts::of([self.tree()]);
        let mut writer = TableWriter::new(out, TableFormat::Parquet, &facts)?;
        self.write(&mut |_| {}, &mut |batch| writer.write(batch))?;
        writer.finish()
    }

    /// Warnings about the lists and the headers, one line each.
    pub fn all_warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings().to_vec();
        for note in self.notes() {
            let path = crate::shown::Show::shown(&note.path);
            warnings.extend(note.faults.iter().map(|fault| format!("{path}{fault}")));
        }
        let unreadable = self.unreadable();
        if unreadable.count > 0 {
            let images = unreadable.words();
            warnings.push(format!("images whose header cannot be read: {images}"));
        }
        warnings.extend(self.misfits());
        warnings.extend(self.odd_headers());
        warnings.extend(self.remarks().iter().cloned());
        warnings
    }
}
