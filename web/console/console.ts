// The console's script. Pages are made by the server and work without it, all but looking at a
// picture: that must be held, hidden and measured here. Nothing is written into a page as markup.
import { enter } from "./enter";
import { heartbeat } from "./heartbeat";
import { keys } from "./keys";
import { panic } from "./panic";
import { reveal } from "./reveal";
import { once } from "./once";
import { waiting } from "./waiting";

const hide = reveal();
panic(hide);
keys(hide);
enter();
heartbeat(hide);
once();
waiting();
