//! The schedules.

use projections::{MAINTENANCE, MaintenanceView, SCHEDULES, ScheduleView};

use super::QueryError;
use crate::{Views, sqlite::Query};

impl Views {
    /// Every schedule that is there, by name.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn schedules(&self) -> Result<Vec<ScheduleView>, QueryError> {
        let all: Vec<ScheduleView> = self.all_that("schedules", &Query::all_of(SCHEDULES))?;
        Ok(all.into_iter().filter(|schedule| !schedule.is_deleted).collect())
    }

    /// Whether all schedules that are not protected are paused.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn maintenance(&self) -> Result<MaintenanceView, QueryError> {
        let found: Vec<MaintenanceView> = self.all_that("schedules", &Query::all_of(MAINTENANCE))?;
        Ok(found.into_iter().next().unwrap_or_default())
    }
}
