"""The training of the recognition model that ships with voicetrainer, stage by stage."""
