//! Decides by view position which images to use.

use crate::catalog::CatalogBuilder;

/// The names of usable views in a list; all other views are never used.
pub struct ViewPositions {
    pub frontal: &'static [&'static str],
    pub lateral: &'static [&'static str],
}

impl ViewPositions {
    /// Whether an image of this view is used.
    pub fn has(&self, view: &str, frontal_only: bool) -> bool {
        self.frontal.contains(&view) || !frontal_only && self.lateral.contains(&view)
    }

    /// Counts an image of this view, and tells whether it is used. With `frontal_only`, lateral
    /// views are not.
    pub fn takes(&self, view: &str, frontal_only: bool, catalog: &mut CatalogBuilder) -> bool {
        let views = catalog.views();
        if self.frontal.contains(&view) {
            views.frontal += 1;
            true
        } else if self.lateral.contains(&view) {
            views.lateral += 1;
            if frontal_only {
                catalog.leave_out(view, 1);
            }
            !frontal_only
        } else {
            views.other += 1;
            catalog.leave_out(view, 1);
            false
        }
    }
}
