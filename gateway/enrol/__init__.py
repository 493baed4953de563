"""Identity: the certificate authority, enrolment by one-time codes, and the broker's files that follow from both."""
