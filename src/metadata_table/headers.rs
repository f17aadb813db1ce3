//! What the headers of sources add to what the lists say.

use std::sync::atomic::Ordering;

use super::dataset::DatasetTable;
use crate::files::is_absent;
use crate::metadata::image::View;
use crate::metadata::{HeaderRules, ImageMetadata, age, date};
use crate::render::Attributes;
use crate::source::SourceHeader;

impl DatasetTable<'_> {
    /// The metadata of an image with what its header adds, and the header.
    pub(super) fn described(&self, number: u32) -> Option<(ImageMetadata, Option<SourceHeader>)> {
        let key = self.catalog.get(number)?.key();
        let mut image = self.metadata.get(number as usize)?.clone();
        let header = self.header(number, key);
        if let (Some(rules), Some(header)) = (self.tree.dataset.metadata_rules().header, &header) {
            let is_odd = self.take_attributes(rules, &header.attributes, &mut image);
            if is_odd {
                self.odd_headers.lock().add(key);
            }
        }
        Some((image, header))
    }

    fn header(&self, number: u32, key: &str) -> Option<SourceHeader> {
        if !self.options.headers {
            return None;
        }
        let source = self.catalog.get(number)?.source().ok();
        let header = source.and_then(|path| {
            let header = SourceHeader::read(&*self.tree.storage, &path);
            if header.as_ref().is_err_and(is_absent) {
                self.lacks_sources.store(true, Ordering::Relaxed);
            }
            header.ok()
        });
        if header.is_none() {
            self.unreadable.lock().add(key);
        }
        header
    }

    /// Takes from a header what no list has. Returns whether an age, a sex or a view cannot be used.
    fn take_attributes(
        &self,
        rules: HeaderRules,
        header: &Attributes,
        image: &mut ImageMetadata,
    ) -> bool {
        let mut is_odd = false;
        if image.age_raw.is_none()
            && let Some(raw) = &header.patient_age
        {
            image.age_raw = Some(raw.as_str().into());
            image.age_years = age::years(raw, rules.zero_is_an_age);
            is_odd |= image.age_years.is_none() && !age::is_zero(raw);
        }
        if image.sex.is_none()
            && let Some(sex) = &header.patient_sex
        {
            image.sex = rules.sex(sex);
            is_odd |= image.sex.is_none();
        }
        if image.view_raw.is_none()
            && let Some(view) = &header.view_position
        {
            image.view_raw = Some(view.as_str().into());
            match rules.views.iter().find(|known| known.name == view) {
                Some(known) => {
                    image.view = image.view.or(known.view);
                    image.frontal = image.frontal.or(known.frontal);
                }
                None => {
                    image.view = image.view.or(Some(View::Other));
                    is_odd = true;
                }
            }
        }
        if image.study.is_none()
            && let Some(study) = &header.study
        {
            let folder = self.tree.dataset.folder();
            image.study = Some(format!("{folder}:{study}").into());
        }
        if image.study_date.is_none() && rules.has_dates {
            let date = header.study_date.as_deref();
            image.study_date = date.and_then(date::days_from_yyyymmdd);
        }
        is_odd
    }
}
