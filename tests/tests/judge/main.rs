//! Decisions against the second opinion of the judges, over histories of chance and of real files, and that the judges
//! would notice.

mod files;
mod histories;
mod teeth;
