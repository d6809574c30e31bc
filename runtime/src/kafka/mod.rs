//! Kafka in and out.
