"""What is said, by move: "ask" and "react" are the clinician's, "answer" is the patient's."""
